import { asDcpError, DcpError, type ServerEvent } from '@dcp/protocol';
import type { ConnectionState } from '../events.js';
import type { SessionKeeper } from '../session/session-keeper.js';
import { backoffDelay, type BackoffSettings } from './backoff.js';
import { SocketLink } from './socket-link.js';

const AUTH_ERRORS = new Set([
  'INVALID_CREDENTIALS',
  'ACCOUNT_SUSPENDED',
  'INSUFFICIENT_PERMISSIONS',
  'PROTOCOL_VERSION_MISMATCH',
]);

export interface ConnectionHandlers {
  /** What must be read before the first login. */
  load(): Promise<void>;
  /** The socket is open: takes everything up where it was left. Commands can be sent. Its failure closes the socket again. */
  resume(): Promise<void>;
  onEvent(event: ServerEvent): void;
  onState(state: ConnectionState): void;
  /** The login was refused: only the user can help (§14.3). */
  onEnded(error: DcpError): void;
}

/** Keeps one socket to the node open for as long as it is wanted: login, reconnect with backoff (§14.3), renewal of the token (§5.3). */
export class Connection {
  private link: SocketLink | undefined;
  private wanted = false;
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;
  private current: ConnectionState = 'offline';

  constructor(
    private readonly endpoint: string,
    private readonly sessions: SessionKeeper,
    private readonly handlers: ConnectionHandlers,
    private readonly backoff: BackoffSettings | undefined,
  ) {}

  get state(): ConnectionState {
    return this.current;
  }

  /** There is a socket, or will be again. */
  get isWanted(): boolean {
    return this.wanted;
  }

  get isOpen(): boolean {
    return this.link !== undefined;
  }

  start(): void {
    this.wanted = true;
    void this.open();
  }

  stop(): void {
    this.wanted = false;
    clearTimeout(this.timer);
    clearTimeout(this.renewTimer);
    this.link?.close();
    this.link = undefined;
    this.become('offline');
  }

  /** Rejects with the node's error, or NODE_UNREACHABLE without a socket. */
  command(command: string, data: object): Promise<Record<string, unknown>> {
    if (this.link === undefined) return Promise.reject(new DcpError('NODE_UNREACHABLE', { reason: 'offline' }));
    return this.link.command(command, data);
  }

  private become(state: ConnectionState): void {
    if (this.current === state) return;
    this.current = state;
    this.handlers.onState(state);
  }

  private async open(): Promise<void> {
    this.become('connecting');
    try {
      await this.handlers.load();
      const session = await this.sessions.fresh();
      const link = await SocketLink.open(this.endpoint, session.token, {
        onEvent: (event) => this.handlers.onEvent(event),
        onClose: () => this.lost(link),
      }).catch(async (error: unknown) => {
        await this.sessions.recheck();
        throw error;
      });
      if (!this.wanted) return link.close();
      this.link = link;
      await this.handlers.resume();
      this.attempts = 0;
      this.become('online');
      this.scheduleRenewal();
    } catch (thrown) {
      this.openFailed(asDcpError(thrown));
    }
  }

  /** Authentication errors need the user (§14.3); everything else is tried again. */
  private openFailed(error: DcpError): void {
    if (error.code === 'SESSION_EXPIRED') this.sessions.invalidate();
    if (!this.wanted) return;
    if (AUTH_ERRORS.has(error.code)) {
      this.wanted = false;
      this.become('ended');
      this.handlers.onEnded(error);
      return;
    }
    this.link?.close();
    this.link = undefined;
    this.reconnectLater(Number(error.details['retry_after'] ?? 0) * 1000);
  }

  private lost(link: SocketLink): void {
    if (this.link !== link) return;
    this.link = undefined;
    clearTimeout(this.renewTimer);
    if (this.wanted) this.reconnectLater(0);
  }

  private reconnectLater(atLeastMs: number): void {
    clearTimeout(this.timer);
    this.become('offline');
    const wait = Math.max(atLeastMs, backoffDelay(this.attempts++, this.backoff));
    this.timer = setTimeout(() => void this.open(), wait);
  }

  /** A fresh token before the old one wants it; the socket gets it too. */
  private scheduleRenewal(): void {
    clearTimeout(this.renewTimer);
    this.renewTimer = setTimeout(() => void this.renew(), Math.min(this.sessions.renewIn + 50, 2 ** 31 - 1));
  }

  async renew(): Promise<void> {
    try {
      const { token } = await this.sessions.fresh();
      this.link?.send({ type: 'auth_refresh', session_token: token });
    } catch (thrown) {
      const error = asDcpError(thrown);
      if (AUTH_ERRORS.has(error.code)) return this.openFailed(error);
    }
    if (this.wanted) this.scheduleRenewal();
  }
}
