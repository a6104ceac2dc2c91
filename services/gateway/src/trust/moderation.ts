import { type Session, TRUST, type UserStanding } from '@dcp/contracts';
import type { Bus, Clock, Logger, Subscription } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { TokenBuckets } from '../limits/token-bucket.js';
import { StandingMap } from './standing-map.js';

/** An event may be lost with the bus; what does not arrive is read again after this. */
const RELOAD_MS = 60_000;
const RETRY_MS = 5_000;
const MAX_SLOWED = 10_000;

/** What of the gateway's figures moderation moves. */
export interface ModerationMetrics {
  rateLimited: { inc(labels: { kind: string }): void };
}

/**
 * Holds users of this node to what was decided about them: whoever is banned writes nothing, whoever is slowed down writes slowly. A
 * node without a trust-chain service has no decisions, and is as ready as any.
 */
export class Moderation {
  readonly standings: StandingMap;
  private readonly slowed = new TokenBuckets({ perSecond: 1, burst: 1 }, MAX_SLOWED);
  private subscription: Subscription | undefined;
  private nextLoad = 0;
  private loading: Promise<void> | undefined;
  private wasAsked = false;

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly metrics: ModerationMetrics,
    private readonly logger: Logger,
    ownNode: () => string | undefined,
  ) {
    this.standings = new StandingMap(ownNode);
  }

  /** True once the decisions are loaded, or it is known that nobody has any. */
  get ready(): boolean {
    return this.wasAsked;
  }

  /** Hears changes first; `load` comes afterwards, so that none falls between. */
  listen(): void {
    this.subscription = this.bus.subscribe(TRUST.standingChanged, (standing) => this.standings.hear(standing));
  }

  /** Reads everything anew. Never rejects: without an answer what is known holds on, and it is tried again soon. */
  load(): Promise<void> {
    this.loading ??= this.readAll().finally(() => {
      this.wasAsked = true;
      this.loading = undefined;
    });
    return this.loading;
  }

  /** Called every few seconds. */
  tick(): void {
    if (this.wasAsked && performance.now() >= this.nextLoad) void this.load();
  }

  stop(): void {
    this.subscription?.unsubscribe();
  }

  private async readAll(): Promise<void> {
    this.nextLoad = performance.now() + RETRY_MS;
    try {
      await this.bus.flush();
      this.standings.begin();
      for (let after: string | undefined; ;) {
        const { standings, next } = await this.bus.request(TRUST.standings, { after });
        this.standings.read(standings);
        if (next === undefined) break;
        after = next;
      }
      this.standings.finish();
      this.nextLoad = performance.now() + RELOAD_MS;
    } catch (error) {
      this.logger.debug({ err: error }, 'no decisions about users were read');
    }
  }

  /** Throws 1002 `banned` with `until` (null: for good). Whoever runs the node cannot be shut out of it by others. */
  mayWrite({ user_id, admin }: Session): void {
    const banned = this.standings.of(user_id)?.banned_until;
    if (banned === undefined || admin || this.isOver(banned)) return;
    throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'banned', until: banned });
  }

  /** One message of a user: throws as `mayWrite`, and 3002 with `details.retry_after` when he writes faster than was decided. */
  mayPost(session: Session): void {
    this.mayWrite(session);
    const rate = this.standings.of(session.user_id)?.rate;
    if (rate === undefined || session.admin || this.isOver(rate.until)) return;
    this.takeOne(session.user_id, rate);
  }

  private takeOne(userId: string, { per_minute }: NonNullable<UserStanding['rate']>): void {
    // As many at once as in a minute.
    const wait = this.slowed.take(userId, 1, this.clock.now(), { perSecond: per_minute / 60, burst: per_minute });
    if (wait === 0) return;
    this.metrics.rateLimited.inc({ kind: 'moderation' });
    throw new DcpError('RATE_LIMITED', { reason: 'slowed_down', retry_after: Math.ceil(wait), per_minute });
  }

  private isOver(until: string | null): boolean {
    return until !== null && Date.parse(until) <= this.clock.now();
  }
}
