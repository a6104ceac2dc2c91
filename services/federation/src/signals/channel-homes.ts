import { LRUCache } from 'lru-cache';
import type { ReplicaStore } from '../feed/replica.store.js';

const MAX_HOMES = 10_000;
const CHANNELS_A_QUESTION = 5_000;
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

  /** Those that are ordered elsewhere as far as it is known; those that are not remembered are asked for together. */
  async ofAll(channelIds: Iterable<string>): Promise<Map<string, string>> {
    const homes = new Map<string, string>();
    const asked = new Set<string>();
    for (const id of channelIds) {
      const known = this.#known.get(id);
      if (known === undefined) asked.add(id);
      else if (known.node !== null) homes.set(id, known.node);
    }
    for (const [id, node] of await this.#find([...asked])) homes.set(id, node);
    return homes;
  }

  async #find(asked: readonly string[]): Promise<[string, string][]> {
    const all: [string, string][] = [];
    for (let from = 0; from < asked.length; from += CHANNELS_A_QUESTION) {
      const page = asked.slice(from, from + CHANNELS_A_QUESTION);
      const found = await this.replicas.homesOf(page);
      for (const id of page) this.#remember(id, found.get(id) ?? null);
      all.push(...found);
    }
    return all;
  }

  #remember(channelId: string, node: string | null): void {
    this.#known.set(channelId, { node }, { ttl: node === null ? NO_HOME_MS : HOME_MS });
  }
}
