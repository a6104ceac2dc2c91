import { createHmac } from 'node:crypto';
import type { Dict } from './json.js';
import { verifies } from './keys.js';

export interface Jwt {
  header: Dict;
  claims: Dict & { iss: string; sub: string; jti: string; iat: number; exp: number; refresh_after: number };
}

function decoded<T>(part: string | undefined): T {
  return JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as T;
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

/** RFC 7519, without looking at the signature. */
export function readJwt(token: string): Jwt {
  const [header, claims] = token.split('.');
  return { header: decoded(header), claims: decoded(claims) };
}

/** RFC 8037: EdDSA over `header.claims` with the key of that `kid`. */
export function jwtVerifies(token: string, keys: { kid: string; x: string }[]): boolean {
  const [header, claims, signature] = token.split('.');
  const key = keys.find(({ kid }) => kid === readJwt(token).header['kid']);
  if (key === undefined) return false;
  const raw = Buffer.from(key.x, 'base64url');
  return verifies(
    raw,
    Buffer.from(`${header}.${claims}`),
    Buffer.from(signature ?? '', 'base64url').toString('base64'),
  );
}

/** Tokens that must buy nothing ([DCP-16.4-01]): the textbook attacks on JWT. */
export function forgedTokens(
  token: string,
  publicKey: { kid: string; x: string },
  victim: string,
): Record<string, string> {
  const { header, claims } = readJwt(token);
  const [head = '', body = '', signature = ''] = token.split('.');
  const raw = Buffer.from(publicKey.x, 'base64url');
  const hmac = (text: string, secret: Buffer | string) => createHmac('sha256', secret).update(text).digest('base64url');
  const hs256 = `${encoded({ ...header, alg: 'HS256' })}.${encoded({ ...claims, sub: victim })}`;
  return {
    'alg none': `${encoded({ ...header, alg: 'none' })}.${encoded({ ...claims, sub: victim })}.`,
    'alg None with the old signature': `${encoded({ ...header, alg: 'None' })}.${body}.${signature}`,
    'HS256 with the public key as secret': `${hs256}.${hmac(hs256, raw)}`,
    'HS256 with the key text as secret': `${hs256}.${hmac(hs256, publicKey.x)}`,
    'another subject': `${head}.${encoded({ ...claims, sub: victim })}.${signature}`,
    'a later end': `${head}.${encoded({ ...claims, exp: claims.exp + 3_600 })}.${signature}`,
    'admin added': `${head}.${encoded({ ...claims, admin: true })}.${signature}`,
    'a key of its own in the header': `${encoded({ ...header, jwk: { kty: 'OKP', crv: 'Ed25519', x: publicKey.x } })}.${body}.${signature}`,
    'another kid': `${encoded({ ...header, kid: '../../dev/null' })}.${body}.${signature}`,
    'no signature': `${head}.${body}.`,
    'a changed signature': `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
    'four parts': `${token}.x`,
    'an empty word': 'x',
  };
}
