import type { Clock, Logger, Pool } from '@dcp/node-kit';
import type { AccountService } from './accounts/account.service.js';
import type { AccountStore } from './accounts/account.store.js';

/** Rows and accounts taken in one round; the next round comes soon. */
const CHUNK = 1_000;
const ACCOUNTS_PER_ROUND = 20;
/** Ended sessions stay listed as revoked until their tokens are over; after that nobody asks for them. */
const OLD_ROWS: [table: string, column: string][] = [
  ['used_challenges', 'expires_at'],
  ['sessions', 'expires_at'],
  ['invites', 'expires_at'],
];
const RETRIEVAL_WINDOW_MS = 3_600_000;

/** Ends temporary accounts (§4.3) and removes rows that mean nothing any more. Safe on any number of replicas: all of it may be repeated. */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly pool: Pool,
    private readonly accounts: AccountStore,
    private readonly service: AccountService,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  start(everyMs: number): void {
    this.#timer = setInterval(() => void this.sweep(), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  /** One round; never throws, the next one tries again. */
  sweep(): Promise<void> {
    this.#running = this.#running
      .then(() => this.#round())
      .catch((error: unknown) => this.logger.warn({ err: error }, 'could not sweep, trying again later'));
    return this.#running;
  }

  async #round(): Promise<void> {
    const now = this.clock.now();
    for (const userId of await this.accounts.expired(new Date(now), ACCOUNTS_PER_ROUND))
      await this.service.remove(userId);
    for (const [table, column] of OLD_ROWS) await this.#removeOld(table, column, new Date(now));
    await this.#removeOld('retrieval_attempts', 'since', new Date(now - RETRIEVAL_WINDOW_MS));
  }

  async #removeOld(table: string, column: string, before: Date): Promise<void> {
    const chosen = `select ctid from ${table} where ${column} <= $1 limit ${CHUNK} for update skip locked`;
    await this.pool.query(`delete from ${table} where ctid in (${chosen})`, [before]);
  }
}
