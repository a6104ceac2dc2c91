import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Post, type PostResult, refusalOf } from '@dcp/contracts';
import { asFailure, type Clock, type Logger, type Pool, reportFailure } from '@dcp/node-kit';
import { DcpError, type ErrorCode, type PostAck } from '@dcp/protocol';
import type { Authorities } from '../members/authority.js';
import type { NodeMessages } from '../node/node-message.js';
import { isNotTheHome } from '../replicas/moved.js';
import { findKnown } from './entry.store.js';
import type { GroupCommit } from './group-commit.js';
import type { RemotePost, RemotePosts } from '../outgoing/remote-posts.js';
import type { LogMetrics } from './log-metrics.js';
import type { NewEntry } from './new-entry.js';
import { pairKey } from './operation.js';
import { type Accepted, preparePost, type PostRules } from './prepare-post.js';

/** Signatures checked in one loop turn, about 2 ms: answers of earlier commits go out in between. */
const POSTS_PER_TURN = 32;

/** How the commit refuses somebody who is no member: hidden channels are not there for him. */
const NO_MEMBER: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['INSUFFICIENT_PERMISSIONS', 'CHANNEL_NOT_FOUND']);

export interface PostServiceParts {
  authorities: Authorities;
  commits: GroupCommit;
  pool: Pool;
  node: NodeMessages;
  clock: Clock;
  logger: Logger;
  metrics: Pick<LogMetrics, 'posts'>;
  remote: RemotePosts;
  verifySignatures: boolean;
  nodeId: string;
}

/** A refused post that may be the repetition of an accepted one; `at` is its place in the batch. */
interface Doubtful {
  at: number;
  channelId: string;
  entry: NewEntry;
}

/** What can be decided about posts without a lock is decided here, the rest by the commit. */
export class PostService {
  constructor(private readonly parts: PostServiceParts) {}

  /** One result for each post, in the same order. The fault of a single post never rejects the batch. */
  async post(posts: Post[], options: { relayed: boolean } = { relayed: false }): Promise<PostResult[]> {
    const pairs = posts.map((post) => ({ channelId: post.channel_id, userId: post.session.user_id }));
    const authorities = await this.parts.authorities.find(pairs);
    const results: (PostResult | Promise<PostResult>)[] = [];
    const doubtful: Doubtful[] = [];
    const remote: { at: number; post: RemotePost }[] = [];
    const rules = { ...this.#rules(), ...options };
    for (const [at, post] of posts.entries()) {
      if (at % POSTS_PER_TURN === POSTS_PER_TURN - 1) await nextTurn();
      const authority = authorities.get(pairKey(post.channel_id, post.session.user_id));
      const prepared = preparePost(post, authority, rules);
      const elsewhere = 'error' in prepared ? undefined : this.#elsewhere(post, prepared, options.relayed);
      if (elsewhere !== undefined) {
        remote.push({ at, post: elsewhere });
        continue;
      }
      results[at] = 'error' in prepared ? this.#refused(prepared.error) : this.#commit(post, prepared, options.relayed);
      if ('error' in prepared && prepared.retryOf !== undefined) {
        doubtful.push({ at, channelId: post.channel_id, entry: prepared.retryOf });
      }
    }
    if (remote.length > 0) this.#relay(remote, posts.length, results);
    await this.#answerRepeated(doubtful, results);
    return this.#counted(await Promise.all(results));
  }

  /** Channels of other nodes: asked for while the commits of this one run. */
  #relay(remote: { at: number; post: RemotePost }[], all: number, results: (PostResult | Promise<PostResult>)[]): void {
    const relayed = this.parts.remote.post(
      remote.map(({ post }) => post),
      remote.length < all,
    );
    remote.forEach(({ at }, i) => {
      results[at] = relayed.then((answers) => answers[i] ?? this.#refused(new DcpError('INTERNAL_ERROR')));
    });
  }

  /** Undefined: it is ordered here, now. */
  #elsewhere({ channel_id, session }: Post, { entry, authority }: Accepted, relayed: boolean): RemotePost | undefined {
    const { home, held } = authority;
    // What waited for this node to become the home is relayed in its turn.
    if (home === null && (!held || relayed)) return undefined;
    return { channelId: channel_id, userId: session.user_id, home: home ?? this.parts.nodeId, held, entry };
  }

  #rules(): Omit<PostRules, 'relayed'> {
    const { clock, verifySignatures, node } = this.parts;
    return { now: clock.now(), verifySignatures, node };
  }

  async #commit(post: Post, accepted: Accepted, relayed: boolean): Promise<PostResult> {
    const { channel_id: channelId, session } = post;
    const { entry, authority, aclVersion, epoch, knownState } = accepted;
    const pair = pairKey(channelId, session.user_id);
    try {
      const userId = session.user_id;
      const operation = { kind: 'post', channelId, userId, aclVersion, epoch, knownState, entry } as const;
      const outcome = await this.parts.commits.submit(operation);
      // A repetition is answered even to someone who has left since: it proves no right to post.
      if (outcome.changed) this.parts.authorities.confirm(pair, authority, outcome.aclVersion);
      return { ok: ack(entry, outcome.seq) };
    } catch (error) {
      if (isNotTheHome(error)) return this.#moved(post, entry, relayed);
      if (error instanceof DcpError && NO_MEMBER.has(error.code)) this.parts.authorities.forget(pair);
      return this.#refused(error);
    }
  }

  /** The home moved between the look into the cache and the lock. Nothing was ordered here: it goes where the channel went. */
  async #moved({ channel_id: channelId, session }: Post, entry: NewEntry, relayed: boolean): Promise<PostResult> {
    const away = this.#refused(new DcpError('NODE_UNREACHABLE', { reason: 'not_the_home' }));
    const pair = { channelId, userId: session.user_id };
    this.parts.authorities.forget(pairKey(channelId, session.user_id));
    if (relayed) return away;
    const found = (await this.parts.authorities.find([pair])).get(pairKey(channelId, session.user_id));
    if (found?.home == null) return away;
    const [result] = await this.parts.remote.post([{ ...pair, home: found.home, held: found.held, entry }], true);
    return result ?? away;
  }

  /** Profile §4: idempotency comes before all other rules, so a retry that has become too old still gets its first answer. */
  async #answerRepeated(doubtful: Doubtful[], results: (PostResult | Promise<PostResult>)[]): Promise<void> {
    if (doubtful.length === 0) return;
    try {
      const known = await findKnown(this.parts.pool, doubtful);
      for (const { at, channelId, entry } of doubtful) {
        const stored = known.get(pairKey(channelId, entry.id));
        if (stored === undefined) continue;
        const same = entry.digest.equals(stored.digest);
        // To whom the channel is hidden nothing is said about what is in it.
        if (!same && isNotFound(results[at])) continue;
        results[at] = same
          ? { ok: ack(entry, stored.seq) }
          : this.#refused(new DcpError('CONFLICT', { reason: 'id_used', seq: stored.seq }));
      }
    } catch (error) {
      // Whether they are repetitions is unknown, so the refusal would be a guess.
      for (const { at } of doubtful) results[at] = this.#refused(error);
    }
  }

  #refused(error: unknown): PostResult {
    const failure = asFailure(error);
    // What the commit refused is in the log already; a fault of these rules is a bug.
    if (failure.code === 'INTERNAL_ERROR' && !(error instanceof DcpError)) reportFailure(this.parts.logger, error);
    return { error: refusalOf(failure) };
  }

  #counted(results: PostResult[]): PostResult[] {
    const counts = new Map<string, number>();
    for (const result of results) {
      const kind = 'ok' in result ? result.ok.state : result.error.code;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const [result, count] of counts) this.parts.metrics.posts.inc({ result }, count);
    return results;
  }
}

function isNotFound(result: PostResult | Promise<PostResult> | undefined): boolean {
  return result !== undefined && 'error' in result && result.error.code === 'CHANNEL_NOT_FOUND';
}

function ack(entry: NewEntry, seq: number): PostAck {
  return { message_id: entry.id, seq, timestamp: entry.timestamp, state: 'ordered' };
}
