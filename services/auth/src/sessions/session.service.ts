import {
  AUTH,
  type AuthSuccess,
  type Revocations,
  type Session,
  type SessionsRevoked,
  type SessionSummary,
  type TokenClaims,
} from '@dcp/contracts';
import { type Bus, type Clock, randomId } from '@dcp/node-kit';
import { DcpError, type AccountType, type ClientInfo } from '@dcp/protocol';
import type { AuthConfig } from '../config.js';
import type { NodeService } from '../node/node.service.js';
import type { TokenSigner } from '../tokens/token-signer.js';
import type { EndedSession, Opening, SessionStore, UsedUp, Which } from './session.store.js';

/** One bus message must hold them, at the longest client_info that is kept. */
const LISTED = 200;
const REVOCATIONS_PER_PAGE = 5_000;

/** Who proved himself, and with what. */
export interface Proved {
  userId: string;
  device: string | null;
  /** `ed25519:` and 32 raw bytes. */
  key: string;
  accountType: AccountType;
  admin: boolean;
  /** A temporary account's end. */
  accountExpires: Date | null;
  clientInfo: ClientInfo | undefined;
}

export interface SessionParts {
  config: Pick<AuthConfig, 'sessionLifetimeMs' | 'refreshAfterMs'>;
  nodeId: string;
  store: SessionStore;
  signer: TokenSigner;
  node: NodeService;
  bus: Bus;
  clock: Clock;
}

/** Sessions and their tokens (§5.3): eight hours from the proof, refreshed within four, ended at once when they have to. */
export class SessionService {
  constructor(private readonly parts: SessionParts) {}

  /** The answer to a proof, or why there is none. */
  async open(proved: Proved, challenge: UsedUp): Promise<AuthSuccess | Exclude<Opening, 'opened'>> {
    const { store, config, clock } = this.parts;
    const now = clock.now();
    const end = Math.min(now + config.sessionLifetimeMs, proved.accountExpires?.getTime() ?? Infinity);
    const at = new Date(now);
    const { userId, device, key, clientInfo } = proved;
    const row = {
      id: `ses_${randomId(20)}`,
      userId,
      device,
      key,
      clientInfo: clientInfo === undefined ? null : described(clientInfo),
      createdAt: at,
      refreshedAt: at,
      expiresAt: new Date(end),
    };
    const opening = await store.open(row, challenge);
    if (opening !== 'opened') return opening;
    const { accountType: account_type, admin } = proved;
    return this.#success({ sub: userId, jti: row.id, device, key, account_type, admin }, now, end);
  }

  /** A newer token for the same session; its end stays where the proof put it. SESSION_EXPIRED (1001) when there is nothing to renew. */
  async refresh(token: string): Promise<AuthSuccess> {
    const { signer, store, clock } = this.parts;
    const now = clock.now();
    const claims = signer.verify(token, Math.floor(now / 1000));
    const account = await store.refresh(claims.jti, new Date(now));
    if (account === undefined) throw new DcpError('SESSION_EXPIRED', { reason: 'over' });
    const { sub, jti, device, key } = claims;
    const account_type = account.account_type as AccountType;
    return this.#success(
      { sub, jti, device, key, account_type, admin: account.role === 'owner' },
      now,
      claims.exp * 1000,
    );
  }

  #success(who: Omit<TokenClaims, 'iss' | 'iat' | 'exp' | 'refresh_after'>, now: number, end: number): AuthSuccess {
    const { signer, node, nodeId, config } = this.parts;
    const iat = Math.floor(now / 1000);
    const exp = Math.floor(end / 1000);
    const refresh_after = Math.min(exp, Math.floor((now + config.refreshAfterMs) / 1000));
    return {
      type: 'auth_success',
      session_token: signer.sign({ iss: nodeId, iat, exp, refresh_after, ...who }),
      expires: new Date(exp * 1000).toISOString(),
      refresh_after: new Date(refresh_after * 1000).toISOString(),
      session_id: who.jti,
      user_id: who.sub,
      node_info: node.info(),
    };
  }

  async list(session: Session): Promise<{ sessions: SessionSummary[] }> {
    const { user_id, session_id } = session;
    const rows = await this.parts.store.live(user_id, this.#now(), LISTED);
    if (!rows.some(({ id }) => id === session_id)) {
      rows.push(
        ...[await this.parts.store.liveOne(user_id, session_id, this.#now())].filter((row) => row !== undefined),
      );
    }
    const sessions = rows.map((row) => ({
      id: row.id,
      device: row.device,
      client_info: row.clientInfo,
      created: row.createdAt.toISOString(),
      last_refresh: row.refreshedAt.toISOString(),
      expires: row.expiresAt.toISOString(),
      current: row.id === session_id,
    }));
    return { sessions };
  }

  /** One of the caller's own sessions, or all of them. An unknown id ends nothing. */
  async revoke(session: Session, id: string | undefined): Promise<{ revoked: number }> {
    const reason = id === session.session_id ? 'logout' : 'revoked';
    return { revoked: await this.end(session.user_id, { id }, reason) };
  }

  /** Ends sessions and tells every gateway, which closes their sockets. Returns how many. */
  async end(userId: string, which: Which | undefined, reason: SessionsRevoked['reason']): Promise<number> {
    const ended = await this.parts.store.revoke(userId, which ?? {}, this.#now());
    this.tell(userId, ended, reason);
    return ended.length;
  }

  /** After the commit that ended them. */
  tell(userId: string, ended: EndedSession[], reason: SessionsRevoked['reason']): void {
    if (ended.length === 0) return;
    const expires = Math.max(...ended.map((row) => Math.ceil(row.expires_at.getTime() / 1000)));
    this.parts.bus.publish(AUTH.sessionsRevoked, {
      user_id: userId,
      session_ids: ended.map((row) => row.id),
      expires,
      reason,
    });
  }

  /** For gateways that start or come back. */
  async revocations(after = ''): Promise<Revocations> {
    const rows = await this.parts.store.revoked(this.#now(), after, REVOCATIONS_PER_PAGE);
    const sessions = rows.map((row) => ({
      session_id: row.id,
      expires: Math.ceil(row.expires_at.getTime() / 1000),
    }));
    const last = sessions.at(-1);
    return last === undefined || rows.length < REVOCATIONS_PER_PAGE
      ? { sessions }
      : { sessions, next: last.session_id };
  }

  #now(): Date {
    return new Date(this.parts.clock.now());
  }
}

/** What a client says of itself, without whatever else it sends along. */
function described({ name, version, capabilities }: ClientInfo): ClientInfo {
  return capabilities === undefined ? { name, version } : { name, version, capabilities };
}
