import type { EncryptionMode, Visibility } from '@dcp/protocol';
import type { Pool } from '@dcp/node-kit';
import { LRUCache } from 'lru-cache';
import type { LogMetrics } from '../log/log-metrics.js';
import { pairKey } from '../log/operation.js';
import { readAuthorities } from './authority.store.js';
import type { Pair } from './member.store.js';

/** Pairs of channel and member kept at most; about 200 bytes each. */
const MAX_CACHED = 100_000;

/** That a user is a member, as of a version of the channel's roles. */
export interface Authority {
  encryption: EncryptionMode;
  visibility: Visibility;
  /** Undefined: not a member. */
  aclVersion: number | undefined;
  /** The other node that orders the channel; null: this one. */
  home: string | null;
  /** The home is moving: it has not taken the channel yet, or is here and older posts of the user wait to be ordered first. This one waits too. */
  held: boolean;
}

/**
 * Who may post where, from a bounded cache. What it says may be out of date: the commit compares `aclVersion` under the lock and reads
 * again if roles have changed. Absence is never cached, because a join does not move the version; nor are channels of other nodes, which no
 * commit here decides.
 */
export class Authorities {
  readonly #cache = new LRUCache<string, Authority>({ max: MAX_CACHED });

  constructor(
    private readonly pool: Pool,
    private readonly metrics: Pick<LogMetrics, 'cacheHits' | 'cacheMisses' | 'cacheSize'>,
  ) {}

  /** By channel and user (`pairKey`). A pair whose channel does not exist is not in the answer. */
  async find(pairs: Pair[]): Promise<Map<string, Authority>> {
    const found = new Map<string, Authority>();
    const missing = new Map<string, Pair>();
    for (const pair of pairs) {
      const key = pairKey(pair.channelId, pair.userId);
      const cached = this.#cache.get(key);
      if (cached === undefined) missing.set(key, pair);
      else found.set(key, cached);
    }
    this.metrics.cacheHits.inc(pairs.length - missing.size);
    if (missing.size > 0) await this.#read(missing, found);
    return found;
  }

  /** The commit saw that the user may post at this version. */
  confirm(pair: string, authority: Authority, aclVersion: number): void {
    if (authority.aclVersion !== aclVersion) this.#cache.set(pair, { ...authority, aclVersion });
  }

  /** The commit saw that he may not. */
  forget(pair: string): void {
    this.#cache.delete(pair);
  }

  async #read(missing: Map<string, Pair>, found: Map<string, Authority>): Promise<void> {
    this.metrics.cacheMisses.inc(missing.size);
    for (const [key, authority] of await readAuthorities(this.pool, [...missing.values()])) {
      found.set(key, authority);
      const { aclVersion, home, held } = authority;
      if (aclVersion !== undefined && home === null && !held) this.#cache.set(key, authority);
    }
    this.metrics.cacheSize.set(this.#cache.size);
  }
}
