import { asDcpError, DcpError, type AuthSuccess, type ChallengeFrame, type ClientInfo } from '@dcp/protocol';
import type { SecretBytes } from '@dcp/crypto';
import type { HttpApi } from '../transport/http.js';
import { signChallenge } from './challenge.js';

/** Who logs in: a device with its own key, or the identity key as the first device. */
export interface Credentials {
  userId: string;
  nodeId: string;
  endpoint: string;
  device: string | undefined;
  /** `ed25519:` text and seed of the key that signs. */
  publicKey: string;
  seed: SecretBytes;
}

/** A session as it may be stored: the token is a secret. */
export interface StoredSession {
  token: string;
  expires: number;
  refreshAfter: number;
  sessionId: string;
}

/** Milliseconds before `refresh_after` and before the end at which the client renews by itself (§5.3). */
const MARGIN_MS = 60_000;

/**
 * Keeps a session alive: a fresh token before the node asks for one, a new proof when the eight hours are over. The user sees nothing
 * of it; only a refusal of the key itself ends it.
 */
export class SessionKeeper {
  private current: StoredSession | undefined;
  private running: Promise<StoredSession> | undefined;

  constructor(
    private readonly http: HttpApi,
    private readonly credentials: Credentials,
    private readonly clientInfo: ClientInfo,
    private readonly onChange: (session: StoredSession) => void = () => undefined,
    private readonly now: () => number = Date.now,
  ) {}

  /** Takes up a stored session. */
  adopt(session: StoredSession): void {
    this.current = session;
  }

  /** A token that is good for any call: refreshed or newly proved when it has to be. */
  async token(): Promise<string> {
    return (await this.fresh()).token;
  }

  async fresh(): Promise<StoredSession> {
    const { current } = this;
    if (current !== undefined && this.now() < current.refreshAfter - this.margin(current)) return current;
    this.running ??= this.renew(current).finally(() => {
      this.running = undefined;
    });
    return await this.running;
  }

  /** Forgets the token: the node called it over. The next call proves again. */
  invalidate(): void {
    this.current = undefined;
  }

  /**
   * A socket was refused with this token. Why, a client of a WebSocket is not told: so it is asked over REST, and a token that was revoked
   * while nobody was listening is forgotten.
   */
  async recheck(): Promise<void> {
    const token = this.current?.token;
    if (token === undefined) return;
    const fault = await this.http.call('/auth/sessions', { token }).then(() => undefined, asDcpError);
    const over = fault?.code === 'SESSION_EXPIRED' || fault?.code === 'INVALID_CREDENTIALS';
    if (over && this.current?.token === token) this.invalidate();
  }

  /** When the client should call `fresh` again, in milliseconds from now. */
  get renewIn(): number {
    const { current } = this;
    return current === undefined ? 0 : Math.max(0, current.refreshAfter - this.margin(current) - this.now());
  }

  /** Short-lived tokens (tests, strict nodes) are renewed in the last tenth of their time instead. */
  private margin({ refreshAfter, expires }: StoredSession): number {
    return Math.min(MARGIN_MS, Math.max(0, expires - refreshAfter) / 10);
  }

  private async renew(current: StoredSession | undefined): Promise<StoredSession> {
    if (current !== undefined && this.now() < current.expires - this.margin(current)) {
      const refreshed = await this.refresh(current).catch(onlySessionErrors);
      if (refreshed !== undefined) return refreshed;
    }
    return await this.prove();
  }

  private async refresh({ token }: StoredSession): Promise<StoredSession> {
    return this.keep(
      await this.http.call<AuthSuccess>('/auth/refresh', { method: 'POST', body: { session_token: token } }),
    );
  }

  /** The handshake of §5.2. Throws INVALID_CREDENTIALS, ACCOUNT_SUSPENDED, INSUFFICIENT_PERMISSIONS (approval pending): the user has to act. */
  async prove(): Promise<StoredSession> {
    const { userId: user_id, device, seed, publicKey } = this.credentials;
    const request = { user_id, device, client_info: this.clientInfo };
    const { challenge } = await this.http.call<ChallengeFrame>('/auth/challenge', { method: 'POST', body: request });
    const endpoint = originOf(this.credentials.endpoint);
    const signature = signChallenge(challenge, { ...this.credentials, endpoint }, seed);
    const proof = { challenge, signature, public_key: publicKey, client_info: this.clientInfo };
    return this.keep(await this.http.call<AuthSuccess>('/auth/proof', { method: 'POST', body: proof }));
  }

  private keep(success: AuthSuccess): StoredSession {
    const expires = Date.parse(success.expires);
    const refreshAfter = success.refresh_after === undefined ? expires : Date.parse(success.refresh_after);
    this.current = { token: success.session_token, expires, refreshAfter, sessionId: success.session_id ?? '' };
    this.onChange(this.current);
    return this.current;
  }
}

/** Scheme and authority, as the node sees them. */
function originOf(endpoint: string): string {
  const url = new URL(endpoint);
  return `${url.protocol}//${url.host}`;
}

/** A token that the node no longer takes is replaced by a new proof; anything else is the caller's. */
function onlySessionErrors(error: unknown): undefined {
  if (error instanceof DcpError && (error.code === 'SESSION_EXPIRED' || error.code === 'INVALID_CREDENTIALS'))
    return undefined;
  throw error;
}
