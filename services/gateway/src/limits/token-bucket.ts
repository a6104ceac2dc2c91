import { LRUCache } from 'lru-cache';

export interface Rate {
  /** Tokens that come back each second. */
  perSecond: number;
  /** Tokens of a full bucket. */
  burst: number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Token buckets by key, the longest unused forgotten first (a forgotten bucket was full or nearly so). */
export class TokenBuckets {
  private readonly buckets: LRUCache<string, Bucket>;

  constructor(
    private readonly rate: Rate,
    maxKeys: number,
  ) {
    this.buckets = new LRUCache({ max: maxKeys });
  }

  /**
   * Takes `cost` tokens at `now` (milliseconds). Returns 0, or the seconds until they will be there: nothing was taken then. A key may
   * have a rate of its own.
   */
  take(key: string, cost: number, now: number, { perSecond, burst }: Rate = this.rate): number {
    const bucket = this.buckets.get(key) ?? this.fill(key, burst, now);
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    if (bucket.tokens < cost) return Math.max(0.001, (cost - bucket.tokens) / perSecond);
    bucket.tokens -= cost;
    return 0;
  }

  private fill(key: string, tokens: number, now: number): Bucket {
    const bucket = { tokens, at: now };
    this.buckets.set(key, bucket);
    return bucket;
  }
}
