import { CHANNEL, type ChannelNotice, type PeerPost, type PostResult, type Refusal, refusalOf } from '@dcp/contracts';
import type { Bus, Clock, Logger, Pool } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { HandoverTeller } from '../handover/teller.js';
import type { LogMetrics } from '../log/log-metrics.js';
import { backoff } from '../node/backoff.js';
import type { AudienceStore } from '../peers/audience.store.js';
import type { Asks } from '../replicas/asks.js';
import type { HomeDirectory } from '../replicas/home-directory.js';
import { clearRetired } from '../replicas/replica.store.js';
import { isAway, isAwayCode } from './away.js';
import { HeardNodes } from './heard-nodes.js';
import type { NoticeStore } from './notice.store.js';
import { type ClaimedNode, type OutgoingNodeStore, RENEW_MS } from './outgoing-node.store.js';
import { aimPosts, type OutgoingStore, type WaitingPost } from './outgoing.store.js';
import type { RefusedStore } from './refused.store.js';

/** How often this instance looks for nodes whose time has come. */
const TICK_MS = 1_000;
/** How often what is over is cleared away. */
const SWEEP_MS = 60_000;
/** Profile §6: older posts are refused. */
const MAX_AGE_MS = 7 * 86_400_000;
/** A replica in which nobody is left is emptied after this. */
const RETIRED_MS = 3_600_000;
const BATCH_POSTS = 128;
const BATCH_BYTES = 200 * 1024;
const BATCH_NOTICES = 50;
/** One turn for one node; its lease is renewed meanwhile. */
const TURN_MS = 15_000;

export interface SenderParts {
  asks: Asks;
  bus: Bus;
  nodes: OutgoingNodeStore;
  posts: OutgoingStore;
  refused: RefusedStore;
  notices: NoticeStore;
  homes: HomeDirectory;
  audience: AudienceStore;
  metrics: Pick<LogMetrics, 'outgoingRefused'>;
  pool: Pool;
  clock: Clock;
  logger: Logger;
  nodeId: string;
}

/** What goes along with posts, made after the sender because it wakes him. */
export interface Attached {
  handovers: HandoverTeller;
  /** Orders posts of channels that have come to this node while they waited. */
  orderHere: (posts: PeerPost[]) => Promise<PostResult[]>;
}

/**
 * Asks again what other nodes have not answered, node by node: one instance at a time, in order, with the waits of §14.3. A post leaves the
 * table when its home has said that it is ordered (its entry comes with all others), or that it never will be.
 */
export class OutgoingSender {
  #timers: NodeJS.Timeout[] = [];
  #looking: Promise<void> | undefined;
  #again = false;
  #isBlind = false;
  /** Nodes that this instance is delivering to: one that hangs holds up no other. */
  readonly #running = new Set<Promise<void>>();
  #stopped = false;
  #attached: Attached | undefined;
  readonly #heard = new HeardNodes((nodeId) => this.#track(this.#due(nodeId)));

  constructor(private readonly parts: SenderParts) {}

  attach(attached: Attached): void {
    this.#attached = attached;
  }

  start(): void {
    this.#timers = [setInterval(() => this.wake(), TICK_MS), setInterval(() => this.#track(this.sweep()), SWEEP_MS)];
    this.wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timers.forEach((timer) => clearInterval(timer));
    this.#heard.stop();
    await this.#looking;
    await Promise.allSettled(this.#running);
  }

  /** Something may be due. */
  wake(): void {
    if (this.#stopped) return;
    this.#again = true;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  /** A node was heard: what waits for it, here or at another instance, is due. */
  heard(nodeId: string): void {
    if (!this.#stopped) this.#heard.heard(nodeId);
  }

  async sweep(): Promise<void> {
    const { posts, notices, homes, audience, pool, clock, logger } = this.parts;
    const old = new Date(clock.now() - MAX_AGE_MS);
    try {
      const expired = new DcpError('NODE_UNREACHABLE', { reason: 'expired' });
      for (const post of await posts.expired(old)) await this.#refuse(post, refusalOf(expired));
      await this.parts.refused.expire(clock.now());
      await notices.expire(old);
      await this.#attached?.handovers.expire(old);
      await this.#aim();
      await homes.prune();
      await audience.forgetDeparted(clock.now());
      while (!this.#stopped && (await clearRetired(pool, new Date(clock.now() - RETIRED_MS))));
    } catch (error) {
      logger.warn({ err: error }, 'could not clear away what is over');
    }
  }

  async #look(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        const claimed = await this.parts.nodes.claim(this.parts.clock.now());
        this.#isBlind = false;
        for (const node of claimed) this.#track(this.#serve(node));
      } catch (error) {
        // Every second while the database is away: said once.
        if (!this.#isBlind) this.parts.logger.warn({ err: error }, 'could not look for what other nodes must be asked');
        this.#isBlind = true;
      }
    }
  }

  async #due(nodeId: string): Promise<void> {
    if (await this.parts.nodes.reachable(nodeId, this.parts.clock.now())) this.wake();
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => this.parts.logger.warn({ err: error }, 'could not note what was delivered'))
      .finally(() => this.#running.delete(tracked));
    this.#running.add(tracked);
  }

  async #serve(node: ClaimedNode): Promise<void> {
    const { nodes, clock } = this.parts;
    const renewing = setInterval(() => void nodes.renew(node.nodeId, clock.now()).catch(() => undefined), RENEW_MS);
    const reached = await this.#deliver(node.nodeId)
      .catch((error: unknown) => {
        if (!isAway(error)) this.parts.logger.warn({ err: error, node: node.nodeId }, 'could not deliver to a node');
        return false;
      })
      .finally(() => clearInterval(renewing));
    const attempts = reached ? 0 : node.attempts + 1;
    await nodes.release({ nodeId: node.nodeId, attempts }, clock.now(), reached ? 0 : backoff(attempts));
  }

  /** True: everything was answered, or the turn is over. Rejects, or false, where the node must be tried later. */
  async #deliver(nodeId: string): Promise<boolean> {
    const end = performance.now() + TURN_MS;
    const told = (await this.#attached?.handovers.deliver(nodeId)) ?? true;
    for (const notice of await this.parts.notices.first(nodeId, BATCH_NOTICES)) {
      if (performance.now() < end) await this.#notify(nodeId, notice);
    }
    while (performance.now() < end && !this.#stopped) {
      const waiting = await this.parts.posts.first(nodeId, BATCH_POSTS, BATCH_BYTES);
      if (waiting.length === 0) return told;
      if (!(await this.#send(nodeId, waiting))) return false;
    }
    return told;
  }

  async #aim(channelIds?: string[]): Promise<void> {
    const { pool, nodeId, clock } = this.parts;
    await aimPosts(pool, nodeId, new Date(clock.now()).toISOString(), channelIds);
  }

  async #notify(nodeId: string, notice: ChannelNotice): Promise<void> {
    await this.parts.asks.ask(nodeId, 'channel_notice', notice).catch((error: unknown) => {
      if (isAway(error)) throw error;
      // The other node wants no news of it.
    });
    await this.parts.notices.settle(notice);
  }

  async #send(nodeId: string, waiting: WaitingPost[]): Promise<boolean> {
    const posts = waiting.map(({ channelId, body }) => ({
      channel_id: channelId,
      message: JSON.parse(body) as Record<string, unknown>,
    }));
    const results = await this.#ask(nodeId, posts);
    const blocked = new Set<string>();
    const ordered: WaitingPost[] = [];
    for (const [i, post] of waiting.entries()) {
      const result = results[i];
      const pair = `${post.channelId} ${post.userId}`;
      if (result === undefined || ('error' in result && isAwayCode(result.error.code))) blocked.add(pair);
      // The home took a later post of an author whose earlier one it did not: the later one is asked for again, and answered alike.
      if (result === undefined || blocked.has(pair)) continue;
      if ('error' in result) await this.#refuse(post, result.error);
      else ordered.push(post);
    }
    for (const [channelId, some] of Map.groupBy(ordered, (post) => post.channelId))
      await this.parts.posts.settle(
        channelId,
        some.map(({ id }) => id),
      );
    // Whoever says that he is not the home of what waits for him may be right: it waits for the wrong one.
    const strays = waiting.filter((_, i) => isNotTheHome(results[i]));
    if (strays.length > 0) await this.#aim(strays.map(({ channelId }) => channelId));
    return blocked.size === 0;
  }

  /** A whole batch that is refused is refused for each of its posts. */
  async #ask(nodeId: string, posts: PeerPost[]): Promise<PostResult[]> {
    if (nodeId === this.parts.nodeId) return (await this.#attached?.orderHere(posts)) ?? [];
    try {
      return (await this.parts.asks.ask(nodeId, 'channel_post', { posts })).results;
    } catch (error) {
      if (isAway(error) || !(error instanceof DcpError)) throw error;
      return posts.map(() => ({ error: refusalOf(error) }));
    }
  }

  /** Written down first: an author who is away, or told by a process that ends, hears of it when he comes back. */
  async #refuse(post: WaitingPost, error: Refusal): Promise<void> {
    const { userId, channelId, name, id } = post;
    await this.parts.refused.refuse(post, error, new Date(this.parts.clock.now()));
    this.parts.metrics.outgoingRefused.inc();
    this.parts.bus.publish(CHANNEL.postRefused, {
      user_id: userId,
      channel_id: channelId,
      name,
      message_id: id,
      error,
    });
  }
}

function isNotTheHome(result: PostResult | undefined): boolean {
  return result !== undefined && 'error' in result && result.error.details['reason'] === 'not_the_home';
}
