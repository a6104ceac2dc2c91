import {
  at,
  CHANNEL,
  MAX_BATCH_BYTES,
  MAX_BATCH_POSTS,
  PARTITIONS,
  partitionOf,
  type Post,
  type PostBatchAnswer,
  type PostResult,
} from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { asDcpError, DcpError } from '@dcp/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import type { GatewayMetrics } from '../metrics.js';

/** Who gets the answer to one post: a socket or a REST call. */
export interface PostOwner {
  settle(result: PostResult): void;
}

interface Waiting {
  post: Post;
  owner: PostOwner;
  bytes: number;
}

/** Milliseconds: when the same batch is sent again, and when its posts are given up with 9001 (outcome unknown). */
const ANSWER_MS = 2_000;
const GIVE_UP_MS = 10_000;
const RETRY_PAUSE_MS = 200;
/** Posts that may wait in this gateway. */
const MAX_WAITING = 20_000;

/**
 * What one loop turn collected for a partition travels as one bus message, and one batch of a partition is on its way at a time:
 * posts to a channel never overtake each other, and the bus costs little for each (performance.md). Sending a batch again is safe,
 * because the channel service answers known ids with their first answer.
 */
export class PostBatcher {
  private readonly queues: Waiting[][] = Array.from({ length: PARTITIONS }, () => []);
  private readonly inFlight = Array.from({ length: PARTITIONS }, () => false);
  private readonly due = new Set<number>();
  private scheduled = false;
  private waiting = 0;
  private idle: (() => void)[] = [];

  constructor(
    private readonly bus: Bus,
    private readonly metrics: GatewayMetrics,
    private readonly answerMs: number = ANSWER_MS,
    private readonly giveUpMs: number = GIVE_UP_MS,
  ) {
    metrics.watch('posts_waiting', () => this.waiting);
  }

  /** `bytes` is about what the post takes in JSON. Throws 9001 when too much waits already. */
  add(post: Post, bytes: number, owner: PostOwner): void {
    if (this.waiting >= MAX_WAITING) throw new DcpError('MAINTENANCE_MODE', { reason: 'overloaded', retry_after: 1 });
    const partition = partitionOf(post.channel_id);
    this.waiting++;
    this.queues[partition]?.push({ post, owner, bytes });
    if (this.inFlight[partition]) return;
    this.due.add(partition);
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(this.sendDue);
  }

  /** One post, for callers that wait for it. */
  post(post: Post, bytes: number): Promise<PostResult> {
    return new Promise((resolve) => this.add(post, bytes, { settle: resolve }));
  }

  /** Resolves when nothing waits for an answer any more. */
  whenIdle(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private readonly sendDue = (): void => {
    this.scheduled = false;
    const due = [...this.due];
    this.due.clear();
    for (const partition of due) if (!this.inFlight[partition]) void this.run(partition);
  };

  private async run(partition: number): Promise<void> {
    const queue = this.queues[partition] ?? [];
    this.inFlight[partition] = true;
    while (queue.length > 0) {
      const batch = this.take(queue);
      this.metrics.batchSize.observe(batch.length);
      const results = await this.send(partition, batch);
      this.settle(batch, results);
    }
    this.inFlight[partition] = false;
  }

  private take(queue: Waiting[]): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { bytes: size } of queue) {
      if (count === MAX_BATCH_POSTS || (count > 0 && bytes + size > MAX_BATCH_BYTES)) break;
      bytes += size;
      count++;
    }
    return queue.splice(0, count);
  }

  private async send(partition: number, batch: Waiting[]): Promise<PostResult[]> {
    const payload = { posts: batch.map((waiting) => waiting.post) };
    const giveUp = Date.now() + this.giveUpMs;
    for (;;) {
      try {
        const answer: PostBatchAnswer = await this.bus.request(at(CHANNEL.post, partition), payload, {
          timeoutMs: this.answerMs,
        });
        return answer.results;
      } catch (thrown) {
        const error = asDcpError(thrown);
        if (!error.retryable || Date.now() >= giveUp) return batch.map(() => refusal(error));
        if (error.details['reason'] !== 'timeout') await delay(RETRY_PAUSE_MS);
      }
    }
  }

  private settle(batch: Waiting[], results: PostResult[]): void {
    this.waiting -= batch.length;
    batch.forEach((waiting, i) => waiting.owner.settle(results[i] ?? refusal(new DcpError('INTERNAL_ERROR'))));
    if (this.waiting > 0) return;
    const idle = this.idle;
    this.idle = [];
    for (const done of idle) done();
  }
}

function refusal(error: DcpError): PostResult {
  return { error: { code: error.code, message: error.message, details: error.details } };
}
