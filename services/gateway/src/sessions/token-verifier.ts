import type { PublicJwk, Session, TokenClaims } from '@dcp/contracts';
import { fromBase64, fromUtf8, toUtf8, verify } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';

const MAX_KEYS = 32;
const MAX_VERIFIED = 5_000;

export interface VerifiedToken {
  session: Session;
  /** Seconds since the epoch. */
  refreshAfter: number;
  expires: number;
}

/**
 * Checks session tokens (JWT, EdDSA: RFC 7519, RFC 8037) here, without asking anybody: the signature by the node's published keys,
 * issuer, expiry. Verified tokens are remembered for REST, where the same token comes with every call.
 */
export class TokenVerifier {
  private readonly keys = new Map<string, Uint8Array>();
  private readonly verified = new LRUCache<string, VerifiedToken>({ max: MAX_VERIFIED });
  private issuer = '';

  setKeys(issuer: string, keys: readonly PublicJwk[]): void {
    this.issuer = issuer;
    this.keys.clear();
    for (const key of keys.slice(0, MAX_KEYS)) this.keys.set(key.kid, fromBase64(key.x));
    this.verified.clear();
  }

  get hasKeys(): boolean {
    return this.keys.size > 0;
  }

  /** `now` in seconds. INVALID_CREDENTIALS for a token that is not ours, SESSION_EXPIRED for one that is over. */
  verify(token: string, now: number, remember: boolean): VerifiedToken {
    const known = this.verified.get(token) ?? this.check(token);
    if (now >= known.expires) throw new DcpError('SESSION_EXPIRED', { reason: 'expired' });
    if (remember) this.verified.set(token, known);
    return known;
  }

  private check(token: string): VerifiedToken {
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    if (rest.length > 0) throw refused();
    const header = decode<{ alg?: unknown; kid?: unknown }>(head);
    const key = header.alg === 'EdDSA' && typeof header.kid === 'string' ? this.keys.get(header.kid) : undefined;
    if (key === undefined || !verify(key, toUtf8(`${head}.${body}`), bytes(signature))) throw refused();
    const claims = decode<TokenClaims>(body);
    if (claims.iss !== this.issuer) throw refused();
    return { session: sessionOf(claims), refreshAfter: claims.refresh_after, expires: claims.exp };
  }
}

function sessionOf(claims: TokenClaims): Session {
  return {
    session_id: claims.jti,
    user_id: claims.sub,
    device: claims.device,
    key: claims.key,
    account_type: claims.account_type,
    admin: claims.admin === true,
  };
}

function refused(): DcpError {
  return new DcpError('INVALID_CREDENTIALS', { reason: 'token' });
}

function bytes(text: string): Uint8Array {
  try {
    return fromBase64(text);
  } catch {
    throw refused();
  }
}

function decode<T>(part: string): T {
  try {
    return JSON.parse(fromUtf8(bytes(part))) as T;
  } catch {
    throw refused();
  }
}
