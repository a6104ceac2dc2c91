import {
  asFailure,
  databaseFailure,
  isRetryableTransaction,
  type Logger,
  type Pool,
  reportFailure,
} from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { MemberLimits } from '../limits.js';
import { type AppendedEntries, type Committed, commitOperations } from './commit.js';
import type { CommitMetrics } from './log-metrics.js';
import type { Operation, Outcome } from './operation.js';

/** Operations of one transaction at most: enough that its fixed costs vanish, few enough that its locks are short. */
const MAX_BATCH = 1_024;
/** Operations that may wait; more are refused, so that a database that hangs does not fill this process. */
const MAX_QUEUED = 20_000;
/** Tries of one transaction that PostgreSQL broke off for the sake of another. */
const MAX_ATTEMPTS = 5;

interface Waiting {
  operation: Operation;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

export interface GroupCommitParts {
  pool: Pool;
  limits: MemberLimits;
  /** Users of other nodes are told from those of this one by it. */
  nodeId: string;
  logger: Logger;
  metrics: CommitMetrics;
  now: () => number;
  /** Told of every transaction at once after it is durable. */
  onCommitted: (appended: AppendedEntries[]) => void;
}

/**
 * What queued while the last transaction ran becomes the next one: under load a single flush to disk serves hundreds of posts, and an
 * idle node commits each post at once.
 */
export class GroupCommit {
  #queue: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(private readonly parts: GroupCommitParts) {}

  /**
   * Resolves when the operation is durable; rejects with its refusal, or with MAINTENANCE_MODE (9001) when the database is away, the
   * outcome then being unknown: the same entry may be submitted again.
   */
  submit(operation: Operation): Promise<Outcome> {
    if (this.#queue.length >= MAX_QUEUED) return Promise.reject(overloaded());
    return new Promise((resolve, reject) => {
      this.#queue.push({ operation, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // What the same loop turn still brings belongs to the same transaction.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commit(this.#queue.splice(0, MAX_BATCH));
    this.#running = undefined;
  }

  async #commit(batch: Waiting[]): Promise<void> {
    const { metrics, onCommitted } = this.parts;
    metrics.batchSize.observe(batch.length);
    const done = metrics.seconds.startTimer();
    const committed = await this.#attempt(batch.map(({ operation }) => operation)).catch((error: unknown) => {
      return this.#failed(batch, error);
    });
    if (committed === undefined) return;
    done();
    answer(batch, committed);
    onCommitted(committed.appended);
  }

  async #attempt(operations: Operation[]): Promise<Committed> {
    const { pool, limits, now, nodeId } = this.parts;
    for (let attempt = 1; ; attempt++) {
      try {
        return await commitOperations(pool, operations, limits, new Date(now()), nodeId);
      } catch (error) {
        if (!isRetryableTransaction(error) || attempt === MAX_ATTEMPTS) throw error;
      }
    }
  }

  /** One operation that the database refuses must not take its neighbours along: halves are tried until it stands alone. */
  async #failed(batch: Waiting[], error: unknown): Promise<void> {
    const away = databaseFailure(error);
    if (away !== undefined) return this.#fail([...batch, ...this.#queue.splice(0)], away);
    if (batch.length === 1) return this.#fail(batch, error);
    this.parts.logger.warn(
      { err: error, operations: batch.length },
      'a batch was refused by the database: splitting it',
    );
    const middle = batch.length >> 1;
    await this.#commit(batch.slice(0, middle));
    await this.#commit(batch.slice(middle));
  }

  #fail(batch: Waiting[], error: unknown): void {
    const failure = asFailure(error);
    reportFailure(this.parts.logger, failure);
    for (const { reject } of batch) reject(failure);
  }
}

function answer(batch: Waiting[], { results }: Committed): void {
  batch.forEach(({ resolve, reject }, i) => {
    const result = results[i];
    if (result === undefined || result instanceof DcpError) reject(result);
    else resolve(result);
  });
}

function overloaded(): DcpError {
  return new DcpError('MAINTENANCE_MODE', { reason: 'overloaded' });
}
