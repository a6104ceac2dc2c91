import { TRUST, type UserStanding } from '@dcp/contracts';
import type { Bus, Clock, Logger, Subscription } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';
import { nodeOf } from '../node/node-of.js';

/** The oldest are forgotten first. */
const MAX_BANNED = 100_000;
const MAX_SLOWED = 10_000;
/** News may get lost, so all is read again from time to time; soon when there was no answer. */
const REFRESH_MS = 60_000;
const RETRY_MS = 5_000;
/** One that answers in circles is not followed for ever. */
const MAX_PAGES = 10_000;

export interface BannedGuestsParts {
  bus: Bus;
  clock: Clock;
  logger: Logger;
  nodeId: string;
}

/** What was decided about a guest; times in milliseconds, Infinity for no end. */
interface Judged {
  bannedUntil: number;
  perMinute: number;
  slowUntil: number;
}

const MINUTE_MS = 60_000;

/**
 * Users of other nodes who are banned here, or may write only so often (§10.3): the first do nothing in channels of this node. Users of this
 * node are the gateways' affair. Empty where no trust chain runs.
 */
export class BannedGuests {
  #judged = new Map<string, Judged>();
  /** When a slowed guest has written last, as if evenly. */
  readonly #wrote = new LRUCache<string, number>({ max: MAX_SLOWED });
  /** Who was spoken of while everything is being read: a page on its way may be older than that. */
  #told: Set<string> | undefined;
  #subscriptions: Subscription[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: BannedGuestsParts) {}

  start(): void {
    const { bus } = this.parts;
    this.#subscriptions = [
      bus.subscribe(TRUST.standingChanged, (standing) => this.#hear(standing)),
      bus.onReconnect(() => void this.#load()),
    ];
    void this.#load();
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  /** Why a user may do nothing here, or undefined. */
  refusal(userId: string): DcpError | undefined {
    const until = this.#judged.get(userId)?.bannedUntil ?? 0;
    if (until <= this.parts.clock.now()) return undefined;
    const details = until === Infinity ? {} : { until: new Date(until).toISOString() };
    return new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'banned', ...details });
  }

  /** Takes one of the messages that a slowed guest may write, or says why not: 3002 with `retry_after` seconds. */
  takeOne(userId: string): DcpError | undefined {
    const judged = this.#judged.get(userId);
    const now = this.parts.clock.now();
    if (judged === undefined || judged.slowUntil <= now) return undefined;
    const each = MINUTE_MS / judged.perMinute;
    // A minute's worth at once, then evenly.
    const next = Math.max(this.#wrote.get(userId) ?? 0, now - MINUTE_MS) + each;
    if (next > now) {
      const retry_after = Math.max(1, Math.ceil((next - now) / 1_000));
      return new DcpError('RATE_LIMITED', { reason: 'moderation', retry_after });
    }
    this.#wrote.set(userId, next);
    return undefined;
  }

  #hear(standing: UserStanding): void {
    this.#told?.add(standing.user_id);
    this.#put(this.#judged, standing);
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    let wait = REFRESH_MS;
    // A second reading waits for the first one's end.
    if (this.#told === undefined) wait = (await this.#read()) ? REFRESH_MS : RETRY_MS;
    clearTimeout(this.#timer);
    if (this.#subscriptions.length > 0) this.#timer = setTimeout(() => void this.#load(), wait);
  }

  /** What is held stays until everything was read. */
  async #read(): Promise<boolean> {
    const told = (this.#told = new Set<string>());
    const fresh = new Map<string, Judged>();
    try {
      let after: string | undefined;
      for (let page = 0; page < MAX_PAGES; page++) {
        const answer = await this.parts.bus.request(TRUST.standings, after === undefined ? {} : { after });
        for (const standing of answer.standings) this.#put(fresh, standing);
        if ((after = answer.next) === undefined) break;
      }
      for (const userId of told) move(userId, this.#judged, fresh);
      this.#judged = fresh;
      return true;
    } catch (error) {
      this.parts.logger.debug({ err: error }, 'the trust chain does not answer yet');
      return false;
    } finally {
      this.#told = undefined;
    }
  }

  #put(map: Map<string, Judged>, { user_id, banned_until, rate }: UserStanding): void {
    map.delete(user_id);
    if ((banned_until === undefined && rate === undefined) || nodeOf(user_id) === this.parts.nodeId) return;
    if (map.size >= MAX_BANNED) map.delete(map.keys().next().value ?? '');
    map.set(user_id, {
      bannedUntil: endOf(banned_until),
      perMinute: rate?.per_minute ?? 0,
      slowUntil: endOf(rate?.until),
    });
  }
}

function move(userId: string, from: Map<string, Judged>, to: Map<string, Judged>): void {
  const judged = from.get(userId);
  if (judged === undefined) to.delete(userId);
  else to.set(userId, judged);
}

/** Null: without an end; undefined: it never began. */
function endOf(time: string | null | undefined): number {
  if (time === undefined) return 0;
  return time === null ? Infinity : Date.parse(time);
}
