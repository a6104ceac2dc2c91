import { CHANNEL, type EntryBatch, FEDERATION, KEYS } from '@dcp/contracts';
import type { Subscription } from '@dcp/node-kit';
import type { Link } from '../link/link.js';
import type { Links } from '../link/links.js';
import type { TrustLevels } from '../trust/trust-levels.js';
import { type HeldNode, NodeFeed, type NodeFeedParts } from './node-feed.js';

export interface FeedParts extends NodeFeedParts {
  links: Links;
  trust: TrustLevels;
  scanMs: number;
}

/** More changes of members than this at once, and everything is read anew. */
const MAX_STALE = 1_000;
/** What could not be read is read again after this. */
const AGAIN_MS = 1_000;
/** Nodes that are woken in one turn of the loop: its author hears in between that his post is ordered. */
const WOKEN_AT_ONCE = 16;
/** One question after keys, and all of them while some go. */
const KEYS_MS = 7_000;
const ALL_KEYS_MS = 300_000;

/**
 * Brings other nodes the entries of channels whose home is here. The bus only wakes: what a node has stands in its cursors, what it should
 * have in the log.
 */
export class FeedService {
  readonly #feeds = new Map<string, NodeFeed>();
  readonly #stale = new Set<string>();
  #subscriptions: Subscription[] = [];
  #timer: NodeJS.Timeout | undefined;
  #work: Promise<void> | undefined;
  #scanDue = true;

  constructor(private readonly parts: FeedParts) {}

  start(): void {
    const { bus, links } = this.parts;
    links.onUp = (peer, link, token) => void this.#up({ peer, token }, link);
    this.#subscriptions = [
      bus.subscribe(CHANNEL.entries, (batch) => this.#committed(batch)),
      bus.subscribe(CHANNEL.homeMoved, ({ channel_id }) => {
        // Nothing goes out in an epoch that may be over.
        this.parts.recent.forget(channel_id);
        this.parts.audience.forget(channel_id);
        this.#refreshSoon(channel_id);
      }),
      bus.onReconnect(() => this.#scanSoon()),
    ];
    this.#scanSoon();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    await this.#work;
    await Promise.all([...this.#feeds.values()].map((feed) => feed.stop()));
  }

  lagOf(peer: string): number {
    return this.#feeds.get(peer)?.lag() ?? 0;
  }

  #committed(batch: EntryBatch): void {
    const { channel_id, entries } = batch;
    const { audience, recent } = this.parts;
    if (audience.nodesOf(channel_id).length > 0) recent.add(batch);
    audience.moved(channel_id, entries.at(-1)?.seq ?? 0);
    // Only a state change can bring a node in or take it out; a DM has none, and begins with its first message.
    const begins = entries[0]?.seq === 1;
    if (begins || entries.some(({ type }) => type === 'system')) this.#refreshSoon(channel_id);
    else this.#wake(channel_id);
  }

  #wake(channelId: string): void {
    this.#wakeSome(channelId, this.parts.audience.nodesOf(channelId), 0);
  }

  #wakeSome(channelId: string, nodes: string[], from: number): void {
    const end = from + WOKEN_AT_ONCE;
    for (const node of nodes.slice(from, end)) {
      const feed = this.#feeds.get(node);
      if (feed === undefined) this.#want(node);
      else feed.wake(channelId);
    }
    if (end < nodes.length && this.#subscriptions.length > 0) setImmediate(() => this.#wakeSome(channelId, nodes, end));
  }

  #want(node: string): void {
    const { links, trust, scanMs } = this.parts;
    if (trust.loaded && trust.of(node) !== 'blocked') links.want(node, scanMs * 3);
  }

  #refreshSoon(channelId: string): void {
    this.#stale.add(channelId);
    if (this.#stale.size > MAX_STALE) this.#scanDue = true;
    this.#look();
  }

  #scanSoon(): void {
    this.#scanDue = true;
    this.#look();
  }

  #look(): void {
    this.#work ??= this.#read()
      .catch((error: unknown) => this.parts.logger.debug({ err: error }, 'the channel service does not answer yet'))
      .finally(() => {
        this.#work = undefined;
        this.#schedule();
      });
  }

  async #read(): Promise<void> {
    const { audience } = this.parts;
    while (this.#scanDue || this.#stale.size > 0) {
      if (this.#scanDue) {
        this.#scanDue = false;
        this.#stale.clear();
        await audience.scan().catch((error: unknown) => {
          this.#scanDue = true;
          throw error;
        });
        this.#wakeAll();
      }
      for (const channelId of this.#stale) {
        this.#stale.delete(channelId);
        const before = audience.nodesOf(channelId);
        await audience.refresh(channelId).catch((error: unknown) => {
          this.#stale.add(channelId);
          throw error;
        });
        if (before.length > 0 || audience.nodesOf(channelId).length > 0) this.#wake(channelId);
      }
    }
  }

  #wakeAll(): void {
    const { audience, metrics } = this.parts;
    let lag = 0;
    for (const node of audience.nodes()) {
      const feed = this.#feeds.get(node);
      this.#want(node);
      if (feed === undefined) continue;
      for (const channelId of audience.channelsOf(node)) feed.wake(channelId);
      lag += feed.lag();
    }
    metrics.lag.set(lag);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#subscriptions.length === 0) return;
    const { scanMs } = this.parts;
    const failed = this.#scanDue || this.#stale.size > 0;
    this.#timer = failed
      ? setTimeout(() => this.#look(), Math.min(scanMs, AGAIN_MS))
      : setTimeout(() => this.#scanSoon(), scanMs);
  }

  /** Keys before what they unlock (profile §6); without a keys service, or when none of them go, the messages go alone. */
  async #keysFirst(peer: string, link: Link): Promise<void> {
    const { bus, logger } = this.parts;
    const end = performance.now() + ALL_KEYS_MS;
    try {
      for (let more = true; more && link.isUp && performance.now() < end;) {
        const { waits, moves } = await bus.request(KEYS.relay, { node_id: peer }, { timeoutMs: KEYS_MS });
        more = waits && moves === true;
      }
    } catch (error) {
      logger.debug({ err: error, node_id: peer }, 'nobody sends keys before the messages');
    }
  }

  async #up(held: HeldNode, link: Link): Promise<void> {
    const { peer } = held;
    this.parts.bus.publish(FEDERATION.linkUp, { node_id: peer });
    const feed = new NodeFeed(this.parts, held, link);
    const before = this.#feeds.get(peer);
    this.#feeds.set(peer, feed);
    void link.closed.then(async () => {
      if (this.#feeds.get(peer) === feed) this.#feeds.delete(peer);
      await feed.stop();
    });
    try {
      await before?.stop();
      await this.#keysFirst(peer, link);
      await feed.start();
    } catch (error) {
      this.parts.logger.warn({ err: error, node_id: peer }, 'could not read where a node is, trying again later');
      link.close(1013, 'no cursors');
    }
  }
}
