import { setTimeout as delay } from 'node:timers/promises';
import { type PostResult, refusalOf } from '@dcp/contracts';
import { asFailure, type Clock } from '@dcp/node-kit';
import { DcpError, utf8Length } from '@dcp/protocol';
import type { NewEntry } from '../log/new-entry.js';
import { pairKey } from '../log/operation.js';
import type { Asks } from '../replicas/asks.js';
import { isAway, isAwayCode } from './away.js';
import type { OutgoingSender } from './outgoing-sender.js';
import type { Kept, OutgoingPost, OutgoingStore } from './outgoing.store.js';

/** How long posts wait for the answer of their home before they are kept. */
const ALONE_MS = 1_000;
/** As long as posts of this node are in the same batch, whose answers go out together. */
const MIXED_MS = 150;
/** A post of 64 KiB fits, and a batch stays below the frames of the link. */
const MAX_BYTES = 200 * 1024;

export interface RemotePost {
  channelId: string;
  userId: string;
  /** The node that orders the channel. */
  home: string;
  /** The home does not take it yet: it is kept, and not tried first. */
  held: boolean;
  entry: NewEntry;
}

export interface RemotePostsParts {
  asks: Asks;
  store: OutgoingStore;
  sender: OutgoingSender;
  clock: Clock;
}

/** Posts of users of this node to channels of others: ordered by the home at once, or kept until it can be asked. */
export class RemotePosts {
  constructor(private readonly parts: RemotePostsParts) {}

  /** One result for each post, in the same order; never rejects. */
  async post(posts: RemotePost[], isMixed: boolean): Promise<PostResult[]> {
    const results: (PostResult | undefined)[] = posts.map(() => undefined);
    try {
      const waiting = await this.parts.store.waiting(posts);
      const behind = new Set(waiting.map(({ channelId, userId }) => pairKey(channelId, userId)));
      const direct = posts
        .map((post, at) => ({ post, at }))
        .filter(({ post }) => !post.held && !behind.has(keyOf(post)));
      const byHome = Map.groupBy(direct, ({ post }) => post.home);
      const wait = isMixed ? MIXED_MS : ALONE_MS;
      await Promise.all([...byHome].map(([home, some]) => this.#tryHome(home, some, wait, results)));
      await this.#keepRest(posts, results);
    } catch (error) {
      const failed = { error: refusalOf(asFailure(error)) };
      return results.map((result) => result ?? failed);
    }
    return results.map((result) => result ?? { error: refusalOf(new DcpError('INTERNAL_ERROR')) });
  }

  /** Asks the home; what it has not answered in time stays undefined. An answer that comes later is asked for again, by the sender. */
  async #tryHome(
    home: string,
    some: { post: RemotePost; at: number }[],
    wait: number,
    results: (PostResult | undefined)[],
  ): Promise<void> {
    const end = performance.now() + wait;
    const blocked = new Set<string>();
    // More than one frame holds is asked for frame by frame, as long as there is time.
    for (let left = some; left.length > 0;) {
      const chunk = fitting(left);
      const answer = await within(end - performance.now(), this.#ask(home, chunk));
      if (answer === undefined) return;
      chunk.forEach(({ post, at }, i) => {
        const result = answer[i];
        // What comes after a post that must wait waits too: an author's posts keep their order.
        if (result === undefined || blocked.has(keyOf(post))) return;
        if ('error' in result && isAwayCode(result.error.code)) blocked.add(keyOf(post));
        else results[at] = result;
      });
      left = left.slice(chunk.length).filter(({ post }) => !blocked.has(keyOf(post)));
    }
  }

  async #ask(home: string, some: { post: RemotePost }[]): Promise<PostResult[] | undefined> {
    const posts = some.map(({ post }) => ({ channel_id: post.channelId, message: messageOf(post.entry.body) }));
    try {
      return (await this.parts.asks.ask(home, 'channel_post', { posts })).results;
    } catch (error) {
      if (isAway(error)) return undefined;
      return some.map(() => ({ error: refusalOf(asFailure(error)) }));
    }
  }

  async #keepRest(posts: RemotePost[], results: (PostResult | undefined)[]): Promise<void> {
    const rest = posts.flatMap((post, at) => (results[at] === undefined ? [{ post, at }] : []));
    if (rest.length === 0) return;
    const now = new Date(this.parts.clock.now()).toISOString();
    const kept = await this.parts.store.keep(
      rest.map(({ post }) => outgoing(post)),
      now,
    );
    rest.forEach(({ post, at }, i) => (results[at] = answerFor(post, kept[i])));
    this.parts.sender.wake();
  }
}

/** Undefined when it takes longer. */
async function within<T>(ms: number, answer: Promise<T>): Promise<T | undefined> {
  const timer = new AbortController();
  const late = delay(Math.max(0, ms), undefined, { signal: timer.signal }).catch(() => undefined);
  const first = await Promise.race([answer, late]);
  timer.abort();
  return first;
}

/** The posts that one frame holds, from the front; the first always does. */
function fitting(some: { post: RemotePost; at: number }[]): { post: RemotePost; at: number }[] {
  let bytes = 0;
  const end = some.findIndex(({ post }, i) => (bytes += utf8Length(post.entry.body)) > MAX_BYTES && i > 0);
  return end < 0 ? some : some.slice(0, end);
}

function answerFor({ entry }: RemotePost, kept: Kept | undefined): PostResult {
  if (kept === 'queued') {
    return { ok: { message_id: entry.id, seq: 0, timestamp: entry.timestamp, state: 'queued' } };
  }
  const fault =
    kept === 'conflict'
      ? new DcpError('CONFLICT', { reason: 'id_used' })
      : new DcpError('NODE_UNREACHABLE', { reason: 'queue_full' });
  return { error: refusalOf(fault) };
}

function outgoing({ channelId, userId, home, entry }: RemotePost): OutgoingPost {
  return { channelId, id: entry.id, nodeId: home, userId, digest: entry.digest, body: entry.body };
}

export function messageOf(body: string): Record<string, unknown> {
  return JSON.parse(body) as Record<string, unknown>;
}

function keyOf({ channelId, userId }: RemotePost): string {
  return pairKey(channelId, userId);
}
