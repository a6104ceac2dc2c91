import { DcpError } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';

const MINUTE_MS = 60_000;
const MAX_NODES = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

/** How often nodes that nobody has rated may ask: a bucket for each that fills within a minute. */
export class StrangerRates {
  readonly #buckets = new LRUCache<string, Bucket>({ max: MAX_NODES });

  constructor(
    private readonly aMinute: number,
    private readonly now: () => number = () => performance.now(),
    private readonly reason = 'unknown_node',
  ) {}

  /** Throws 3002 with `retry_after` seconds. */
  take(nodeId: string): void {
    const now = this.now();
    const { tokens, at } = this.#buckets.get(nodeId) ?? { tokens: this.aMinute, at: now };
    const filled = Math.min(this.aMinute, tokens + ((now - at) * this.aMinute) / MINUTE_MS);
    if (filled < 1) {
      const retry_after = Math.max(1, Math.ceil(((1 - filled) * MINUTE_MS) / this.aMinute / 1000));
      throw new DcpError('RATE_LIMITED', { reason: this.reason, retry_after });
    }
    this.#buckets.set(nodeId, { tokens: filled - 1, at: now });
  }
}
