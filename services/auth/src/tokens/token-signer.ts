import type { TokenClaims } from '@dcp/contracts';
import { fromBase64, fromUtf8, sign, toBase64, toUtf8, verify } from '@dcp/crypto';
import { DcpError, type FormerTokenKey } from '@dcp/protocol';
import type { NodeKey } from '../node/node-key.js';

/** A header that a token of ours may have, byte for byte: no other algorithm or key id can be named. */
interface KnownKey {
  header: string;
  publicKey: Uint8Array;
  /** Seconds. */
  until: number;
}

/** Session tokens: JWT with EdDSA (§5.3, RFC 7519, RFC 8037), signed by one key; those of a former one are believed until they are over. */
export class TokenSigner {
  readonly #present: KnownKey;
  readonly #known: readonly KnownKey[];

  constructor(
    private readonly key: NodeKey,
    former: readonly FormerTokenKey[] = [],
  ) {
    this.#present = { header: headerOf(key.tokenKeyId), publicKey: key.tokenPublicKey, until: Infinity };
    const old = former.map(({ kid, x, until }) => {
      return { header: headerOf(kid), publicKey: fromBase64(x), until: Date.parse(until) / 1000 };
    });
    this.#known = [this.#present, ...old];
  }

  sign(claims: TokenClaims): string {
    const input = `${this.#present.header}.${encode(claims)}`;
    return `${input}.${base64url(sign(this.key.tokenSeed, toUtf8(input)))}`;
  }

  /** The claims of a token of ours that is not over at `now` (seconds). SESSION_EXPIRED when it is, INVALID_CREDENTIALS otherwise. */
  verify(token: string, now: number): TokenClaims {
    const [header = '', body = '', signature = '', ...rest] = token.split('.');
    const key = this.#known.find((one) => one.header === header && now < one.until);
    if (key === undefined || rest.length > 0) throw refused();
    if (!verify(key.publicKey, toUtf8(`${header}.${body}`), decode(signature))) throw refused();
    const claims = JSON.parse(fromUtf8(decode(body))) as TokenClaims;
    if (now >= claims.exp) throw new DcpError('SESSION_EXPIRED', { reason: 'expired' });
    return claims;
  }
}

function headerOf(kid: string): string {
  return encode({ alg: 'EdDSA', typ: 'JWT', kid });
}

function refused(): DcpError {
  return new DcpError('INVALID_CREDENTIALS', { reason: 'token' });
}

function decode(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch {
    throw refused();
  }
}

function encode(value: object): string {
  return base64url(toUtf8(JSON.stringify(value)));
}

function base64url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
