import type { Presence } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';
import type { Seen } from './local-presence.js';

export interface Told extends Seen {
  /** Milliseconds of `performance.now()`. */
  at: number;
  channels: readonly string[];
}

const MAX_USERS = 100_000;
/** Of all users together. */
const MAX_CHANNELS = 1_000_000;
/** Of one user. */
const MAX_TOLD = 1_000;

/** What other nodes were told of users last, and in which channels: what has not changed is not said again. */
export class ToldPresence {
  readonly #users = new LRUCache<string, Told>({
    max: MAX_USERS,
    maxSize: MAX_CHANNELS + MAX_USERS,
    sizeCalculation: ({ channels }) => 1 + channels.length,
  });

  of(userId: string): Told | undefined {
    return this.#users.peek(userId);
  }

  /** The channels in which this is news. */
  newsIn(userId: string, { status, message }: Pick<Seen, 'status' | 'message'>, channels: readonly string[]): string[] {
    const told = this.of(userId);
    if (told?.status !== status || told.message !== message) return [...channels];
    return channels.filter((id) => !told.channels.includes(id));
  }

  remember(userId: string, seen: Seen, channels: readonly string[], now: number): void {
    const told = this.of(userId);
    const isSame = told?.status === seen.status && told.message === seen.message;
    const all = isSame ? [...new Set([...channels, ...told.channels])] : [...channels];
    this.#users.set(userId, { ...seen, at: now, channels: all.slice(0, MAX_TOLD) });
  }

  /** The newest with this status since then. */
  *since(status: Presence, then: number, limit: number): Generator<[string, Told]> {
    for (const [userId, told] of this.#users.entries()) {
      if (told.at < then || limit <= 0) return;
      if (told.status !== status) continue;
      limit--;
      yield [userId, told];
    }
  }
}
