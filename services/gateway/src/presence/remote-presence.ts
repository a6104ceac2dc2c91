import type { RemotePresence } from '@dcp/contracts';
import { parseUserId, type Presence } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';
import type { Shown } from './presence-map.js';

const MAX_USERS = 100_000;
/** Of all users together. */
const MAX_CHANNELS = 1_000_000;
/** Of one user. */
const MAX_SHOWN = 1_000;
/** His node says it again every five minutes, for as long as he is there. */
const SILENT_MS = 15 * 60_000;

interface Remote extends Shown {
  status: Presence;
  lastSeen: string;
  /** The user's own node has said it, not the home of a channel. */
  isOwn: boolean;
  /** Who has said it. */
  via: string;
  heardAt: number;
  /** Where it was shown. */
  channels: ReadonlySet<string>;
}

/** To be shown in channels. */
export interface RemoteChange {
  user_id: string;
  status: Presence;
  last_seen: string;
  message: string | undefined;
  channels: readonly string[];
}

/**
 * What other nodes say of their users. That they say it is the user's consent: who hides never leaves his node. The word of a user's own node
 * goes before that of a channel's home. Who is forgotten is offline.
 */
export class RemotePresenceMap {
  private readonly users: LRUCache<string, Remote>;

  constructor(maxUsers = MAX_USERS, maxChannels = MAX_CHANNELS) {
    this.users = new LRUCache({
      max: maxUsers,
      maxSize: maxUsers + maxChannels,
      sizeCalculation: ({ channels }) => 1 + channels.size,
    });
  }

  get size(): number {
    return this.users.size;
  }

  /** Undefined: nobody has told of him. */
  shown(userId: string): Shown | undefined {
    return this.users.peek(userId);
  }

  /** Takes a node's word, at `now` milliseconds since the epoch. Returns what is to be shown: the news, and where it is news. */
  apply(word: RemotePresence, now: number): RemoteChange | undefined {
    const known = this.users.peek(word.user_id);
    const heard = fromWord(word, now);
    const isOutranked = known?.isOwn === true && !heard.isOwn && now - known.heardAt < SILENT_MS;
    const next = isOutranked ? known : heard;
    const shown: Iterable<string> = isSame(known, next) ? (known?.channels ?? []) : [];
    const channels = new Set([...word.channels, ...shown].slice(0, MAX_SHOWN));
    this.users.set(word.user_id, { ...next, channels });
    const news = word.channels.filter((id) => !isSame(known, next) || known?.channels.has(id) !== true);
    return news.length === 0 ? undefined : change(word.user_id, next, news);
  }

  /** A node is gone: nobody knows whether its users are there, nor what it said of others as a home. */
  nodeGone(nodeId: string): RemoteChange[] {
    return this.leave((userId, { via }) => via === nodeId || parseUserId(userId).nodeId === nodeId);
  }

  /** Those of whom nothing was heard for 15 minutes. */
  expire(now: number): RemoteChange[] {
    return this.leave((_, { heardAt }) => now - heardAt >= SILENT_MS);
  }

  /** Whatever is said next of them is believed, from whomever it comes. */
  private leave(who: (userId: string, remote: Remote) => boolean): RemoteChange[] {
    const leaving = [...this.users.entries()].filter(
      ([id, remote]) => (remote.isOwn || remote.status !== 'offline') && who(id, remote),
    );
    for (const [userId, remote] of leaving)
      this.users.set(userId, { ...remote, status: 'offline', message: undefined, isOwn: false });
    return leaving
      .filter(([, { status }]) => status !== 'offline')
      .map(([userId, { lastSeen, channels }]) =>
        change(userId, { status: 'offline', lastSeen, message: undefined }, [...channels]),
      );
  }
}

function fromWord({ node_id: via, user_id, status, message, last_seen: lastSeen }: RemotePresence, now: number) {
  const isOwn = parseUserId(user_id).nodeId === via;
  return { status, message, lastSeen, via, isOwn, heardAt: now };
}

function isSame(known: Shown | undefined, next: Shown): boolean {
  return known?.status === next.status && known.message === next.message;
}

function change(
  user_id: string,
  { status, lastSeen: last_seen, message }: Shown & { lastSeen: string },
  channels: readonly string[],
): RemoteChange {
  return { user_id, status, last_seen, message, channels };
}
