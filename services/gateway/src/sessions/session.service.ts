import { AUTH, type Session, type SessionsRevoked } from '@dcp/contracts';
import type { Bus, Clock, Subscription } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { Logger } from '@dcp/node-kit';
import { RevocationList } from './revocations.js';
import { TokenVerifier, type VerifiedToken } from './token-verifier.js';

/** At most one reload of the keys in this many milliseconds: tokens with invented key ids must not become requests. */
const RELOAD_PAUSE_MS = 5_000;

export interface NodeIdentity {
  id: string;
  name: string;
  version: string;
  features: string[];
}

/** Who a token belongs to. Loads the node's keys and the live revocations before the gateway is ready and after every bus reconnect. */
export class SessionService {
  readonly verifier = new TokenVerifier();
  readonly revocations = new RevocationList();
  node: NodeIdentity | undefined;
  private readonly subscriptions: Subscription[] = [];
  private lastReload = 0;
  private loaded = false;

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Hears revocations first and loads the list afterwards, so that none falls between. */
  listen(onRevoked: (event: SessionsRevoked) => void): void {
    this.subscriptions.push(
      this.bus.subscribe(AUTH.sessionsRevoked, (event) => {
        this.revocations.apply(event);
        onRevoked(event);
      }),
      this.bus.subscribe(AUTH.keysChanged, ({ keys }) => this.verifier.setKeys(this.node?.id ?? '', keys)),
    );
  }

  /** Rejects while auth cannot be asked. */
  async load(): Promise<void> {
    await this.bus.flush();
    const [{ info }, { keys }, revocations] = await Promise.all([
      this.bus.request(AUTH.node, {}),
      this.bus.request(AUTH.jwks, {}),
      this.bus.request(AUTH.revocations, {}),
    ]);
    this.node = info;
    this.verifier.setKeys(info.id, keys);
    this.revocations.load(revocations);
    this.loaded = true;
  }

  get ready(): boolean {
    return this.loaded && this.verifier.hasKeys;
  }

  /** The session of a token that may be used for anything. 1000 for a foreign one, 1001 for one that is over, revoked or due for a refresh. */
  authenticate(token: string, remember: boolean): VerifiedToken {
    const verified = this.verify(token, remember);
    if (this.now() >= verified.refreshAfter) throw new DcpError('SESSION_EXPIRED', { reason: 'refresh_required' });
    return verified;
  }

  /** As `authenticate`, but a token that wants refreshing passes: its socket may open and refresh. */
  verify(token: string, remember: boolean): VerifiedToken {
    if (!this.ready) throw new DcpError('MAINTENANCE_MODE', { reason: 'starting', retry_after: 1 });
    const verified = this.verifyOrReload(token, remember);
    if (this.revocations.has(verified.session.session_id)) throw new DcpError('SESSION_EXPIRED', { reason: 'revoked' });
    return verified;
  }

  private verifyOrReload(token: string, remember: boolean): VerifiedToken {
    try {
      return this.verifier.verify(token, this.now(), remember);
    } catch (error) {
      this.reloadSoon();
      throw error;
    }
  }

  private reloadSoon(): void {
    const now = this.clock.now();
    if (now - this.lastReload < RELOAD_PAUSE_MS) return;
    this.lastReload = now;
    this.load().catch((error: unknown) => this.logger.warn({ err: error }, 'keys not reloaded'));
  }

  isAlive(session: Session): boolean {
    return !this.revocations.has(session.session_id);
  }

  /** Seconds since the epoch. */
  now(): number {
    return Math.floor(this.clock.now() / 1000);
  }

  stop(): void {
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }
}
