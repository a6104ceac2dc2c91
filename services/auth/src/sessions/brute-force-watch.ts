import type { Clock, Logger } from '@dcp/node-kit';
import { LRUCache } from 'lru-cache';

const WINDOW_MS = 10 * 60_000;
const ALARM_AT = 100;
const MAX_WATCHED = 50_000;

interface Count {
  since: number;
  failures: number;
}

/** Counts failed logins by account and by address; a hundred in ten minutes are told to the operator (§15.3). */
export class BruteForceWatch {
  readonly #counts = new LRUCache<string, Count>({ max: MAX_WATCHED });

  constructor(
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  failed(userId: string, address: string): void {
    this.#count(`user ${userId}`, { user_id: userId });
    this.#count(`address ${address}`, { address });
  }

  #count(key: string, fields: object): void {
    const now = this.clock.now();
    const known = this.#counts.get(key);
    const count = known !== undefined && now - known.since < WINDOW_MS ? known : { since: now, failures: 0 };
    count.failures++;
    this.#counts.set(key, count);
    if (count.failures % ALARM_AT === 0)
      this.logger.warn({ event: 'auth.bruteforce', failures: count.failures, ...fields }, 'many failed logins');
  }
}
