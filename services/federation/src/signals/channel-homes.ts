import { LRUCache } from 'lru-cache';
import type { ReplicaStore } from '../feed/replica.store.js';

const MAX_HOMES = 10_000;
/** So long nothing is shown of a channel that has moved, and of one that was joined just now. */
const [HOME_MS, NO_HOME_MS] = [30_000, 2_000];

/** Where channels are ordered, for what is said too often to ask the database each time. */
export class ChannelHomes {
  readonly #known = new LRUCache<string, { node: string | null }>({ max: MAX_HOMES });

  constructor(private readonly replicas: Pick<ReplicaStore, 'homesOf'>) {}

  /** Null: here, or nowhere that is known. */
  async of(channelId: string): Promise<string | null> {
    return (await this.ofAll([channelId])).get(channelId) ?? null;
  }

  /** Those that are ordered elsewhere; one question to the database for all that are not remembered. */
  async ofAll(channelIds: Iterable<string>): Promise<Map<string, string>> {
    const homes = new Map<string, string>();
    const asked = new Set<string>();
    for (const id of channelIds) {
      const known = this.#known.get(id);
      if (known === undefined) asked.add(id);
      else if (known.node !== null) homes.set(id, known.node);
    }
    if (asked.size === 0) return homes;
    const found = await this.replicas.homesOf([...asked]);
    for (const id of asked) this.#remember(id, found.get(id) ?? null);
    for (const [id, node] of found) homes.set(id, node);
    return homes;
  }

  #remember(channelId: string, node: string | null): void {
    this.#known.set(channelId, { node }, { ttl: node === null ? NO_HOME_MS : HOME_MS });
  }
}
