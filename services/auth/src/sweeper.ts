import type { Clock, Logger, Pool } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { AccountService } from './accounts/account.service.js';
import type { AccountStore } from './accounts/account.store.js';
import type { RemoteLogStore } from './remote/remote-log.store.js';
import type { AuthMetrics } from './metrics.js';

/** Rows and accounts taken in one round; the next round comes soon. */
const CHUNK = 1_000;
const ACCOUNTS_PER_ROUND = 20;
const HOUR_MS = 3_600_000;
/** Logs of other nodes' users that nobody asked for in a month, and the oldest above this number, are asked for again when they are needed. */
const REMOTE_LOGS_MS = 30 * 24 * HOUR_MS;
const MAX_REMOTE_LOGS = 200_000;
/**
 * What is over for so many milliseconds means nothing any more. Ended sessions stay listed as revoked until their tokens are over; used
 * challenges stay longer than a replica with a slow clock believes them to be good.
 */
const OLD_ROWS: [table: string, column: string, afterMs: number][] = [
  ['used_challenges', 'expires_at', 10 * 60_000],
  ['sessions', 'expires_at', 0],
  ['invites', 'expires_at', 0],
  ['retrieval_attempts', 'since', HOUR_MS],
];
const COUNTS = `
  select (select count(*) from accounts)::int as accounts,
         (select count(*) from sessions where revoked_at is null and expires_at > $1)::int as sessions`;

export interface SweeperParts {
  pool: Pool;
  accounts: AccountStore;
  remoteLogs: RemoteLogStore;
  service: AccountService;
  clock: Clock;
  logger: Logger;
  metrics: AuthMetrics;
}

/** Ends temporary accounts (§4.3) and removes rows that mean nothing any more. Safe on any number of replicas: all of it may be repeated. */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #stopping = false;
  /** Where the last round ended: accounts that cannot end now must not keep the others waiting. */
  #after = '';

  constructor(private readonly parts: SweeperParts) {}

  start(everyMs: number): void {
    this.#timer = setInterval(() => void this.sweep(), everyMs);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#timer);
    await this.#round;
  }

  /** One round, or the one that is running; never throws, the next one tries again. */
  sweep(): Promise<void> {
    this.#round ??= this.#sweep().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  async #sweep(): Promise<void> {
    await this.#tried('old rows', () => this.#removeOldRows());
    await this.#tried('logs of other nodes', () =>
      this.parts.remoteLogs.prune(new Date(this.parts.clock.now() - REMOTE_LOGS_MS), MAX_REMOTE_LOGS, CHUNK),
    );
    await this.#tried('counts', () => this.#count());
    await this.#tried('accounts', () => this.#endAccounts());
  }

  async #tried(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.parts.logger.warn({ err: error, what }, 'could not sweep, trying again later');
    }
  }

  async #endAccounts(): Promise<void> {
    const { accounts, service, clock, logger } = this.parts;
    const over = await accounts.expired(new Date(clock.now()), this.#after, ACCOUNTS_PER_ROUND);
    this.#after = over.length < ACCOUNTS_PER_ROUND ? '' : (over.at(-1) ?? '');
    for (const userId of over) {
      if (this.#stopping) return;
      try {
        await service.remove(userId);
      } catch (error) {
        // Nobody can be forgotten while the channel or the keys service is away.
        if (error instanceof DcpError && error.code === 'MAINTENANCE_MODE') throw error;
        logger.warn({ err: error }, 'an account could not end, trying again later');
      }
    }
  }

  async #removeOldRows(): Promise<void> {
    const { pool, clock } = this.parts;
    for (const [table, column, afterMs] of OLD_ROWS) {
      const chosen = `select ctid from ${table} where ${column} <= $1 limit ${CHUNK} for update skip locked`;
      await pool.query(`delete from ${table} where ctid in (${chosen})`, [new Date(clock.now() - afterMs)]);
    }
  }

  async #count(): Promise<void> {
    const { pool, clock, metrics } = this.parts;
    const { rows } = await pool.query<{ accounts: number; sessions: number }>(COUNTS, [new Date(clock.now())]);
    metrics.accounts.set(rows[0]?.accounts ?? 0);
    metrics.sessions.set(rows[0]?.sessions ?? 0);
  }
}
