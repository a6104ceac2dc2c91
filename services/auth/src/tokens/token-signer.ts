import type { TokenClaims } from '@dcp/contracts';
import { fromBase64, fromUtf8, sign, toBase64, toUtf8, verify } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import type { NodeKey } from '../node/node-key.js';

/** Session tokens: JWT with EdDSA (§5.3, RFC 7519, RFC 8037), one key, nothing else accepted. */
export class TokenSigner {
  readonly #header: string;

  constructor(private readonly key: NodeKey) {
    this.#header = encode({ alg: 'EdDSA', typ: 'JWT', kid: key.tokenKeyId });
  }

  sign(claims: TokenClaims): string {
    const input = `${this.#header}.${encode(claims)}`;
    return `${input}.${base64url(sign(this.key.tokenSeed, toUtf8(input)))}`;
  }

  /** The claims of a token of ours that is not over at `now` (seconds). SESSION_EXPIRED when it is, INVALID_CREDENTIALS otherwise. */
  verify(token: string, now: number): TokenClaims {
    const [header, body = '', signature = '', ...rest] = token.split('.');
    // Our own header, byte for byte: no other algorithm or key id can be named.
    if (header !== this.#header || rest.length > 0) throw refused();
    if (!verify(this.key.tokenPublicKey, toUtf8(`${header}.${body}`), decode(signature))) throw refused();
    const claims = JSON.parse(fromUtf8(decode(body))) as TokenClaims;
    if (now >= claims.exp) throw new DcpError('SESSION_EXPIRED', { reason: 'expired' });
    return claims;
  }
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
