import { FEDERATION, GATEWAY, type PresenceChanged, type RemotePresence } from '@dcp/contracts';
import type { Bus, Logger, Subscription } from '@dcp/node-kit';
import { MAX_PRESENCE_CHANNELS, parseUserId, parseWith, presenceFrame } from '@dcp/protocol';
import { setTimeout as delay } from 'node:timers/promises';
import { StrangerRates } from '../asks/stranger-rates.js';
import type { Audience } from '../feed/audience.js';
import type { Links } from '../link/links.js';
import type { FederationMetrics } from '../metrics.js';
import type { TrustLevels } from '../trust/trust-levels.js';
import type { ChannelHomes } from './channel-homes.js';
import type { LocalPresence, Seen } from './local-presence.js';
import { ToldPresence } from './told-presence.js';

export interface PresenceRelayParts {
  own: string;
  bus: Bus;
  links: Links;
  trust: TrustLevels;
  audience: Audience;
  homes: ChannelHomes;
  people: LocalPresence;
  metrics: FederationMetrics;
  logger: Logger;
}

/** Of one node, and to one, a minute. */
const FRAMES_A_MINUTE = 6_000;
/** Users whose changes wait for the database; of one only the newest. */
const MAX_WAITING = 10_000;
/** As many are taken at once, with a pause behind them. */
const [BATCH, PAUSE_MS] = [100, 20];
/** Who went this lately is said to be gone again when a link comes up: it may have got lost with the one before. */
const DEPARTED_MS = 120_000;
const MAX_DEPARTED = 1_000;

interface Change {
  channels: readonly string[];
  /** When he was there last, for who is there no more. */
  last_seen: string;
}

/**
 * Which users are there, between nodes: from the user's node to the homes of his channels, from there to every other node that has members,
 * each node once a change and with the channels of its members only. Nobody answers; what finds no link, or a slow one, is said anew by
 * `PresenceGreeter`. Every instance speaks on the links that it holds. Only nodes that were rated, and not blocked, hear or are heard.
 */
export class PresenceRelay {
  readonly #told = new ToldPresence();
  readonly #waiting = new Map<string, Change>();
  /** Of each node the last frame that is being looked at. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #heardRates = new StrangerRates(FRAMES_A_MINUTE);
  readonly #toldRates = new StrangerRates(FRAMES_A_MINUTE);
  #subscriptions: Subscription[] = [];
  #work: Promise<void> | undefined;

  constructor(private readonly parts: PresenceRelayParts) {}

  start(): void {
    const { bus } = this.parts;
    this.#subscriptions = [
      bus.subscribe(GATEWAY.presence, (change) => this.#local(change)),
      bus.subscribe(FEDERATION.presence, (heard) => this.#passOn(heard)),
    ];
  }

  async stop(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    this.#waiting.clear();
    await this.#work;
  }

  /** A node says whether a user is there. A node speaks for its own users; only the home of a channel for others. */
  async heard(peer: string, frame: unknown): Promise<void> {
    const { user_id, status, message, last_seen, channels: named } = parseWith(presenceFrame, frame);
    const { own, bus } = this.parts;
    this.#heardRates.take(peer);
    const author = parseUserId(user_id).nodeId;
    if (author === own) return this.#count('foreign_user');
    if (!this.mayHear(peer) || !this.mayHear(author)) return this.#count('not_trusted');
    const channels = await this.#inTurn(peer, () => this.#believed(peer, author, named));
    if (channels.length === 0) return this.#count('not_home');
    bus.publish(FEDERATION.presence, { node_id: peer, user_id, status, message, last_seen, channels });
    return this.#count('heard');
  }

  mayHear(node: string): boolean {
    const { trust } = this.parts;
    return trust.isRated(node) && trust.of(node) !== 'blocked';
  }

  /** These users may be there no more, or hide: who was told otherwise hears it. */
  lookAgain(userIds: Iterable<string>, last_seen: string): void {
    for (const userId of userIds) this.#wait(userId, { channels: this.#told.of(userId)?.channels ?? [], last_seen });
  }

  /** A link is up: who went while there may have been none. */
  async sayDeparted(node: string): Promise<void> {
    const then = performance.now() - DEPARTED_MS;
    const departed = [...this.#told.since('offline', then, MAX_DEPARTED)];
    const homes = await this.parts.homes.ofAll(new Set(departed.flatMap(([, { channels }]) => channels)));
    for (const [userId, { channels, ...seen }] of departed) {
      const shared = channels.filter((id) => this.reads(id, node) || homes.get(id) === node);
      const isGone = this.parts.people.seen(userId) === undefined;
      if (isGone && shared.length > 0 && !this.say(node, userId, seen, shared)) return;
    }
  }

  /** Says it to one node. False: it was dropped. */
  say(node: string, userId: string, { status, message, last_seen }: Seen, channels: readonly string[]): boolean {
    if (!this.mayHear(node)) return false;
    const named = channels.slice(0, MAX_PRESENCE_CHANNELS);
    const said = { user_id: userId, status, ...(message === undefined ? {} : { message }), last_seen, channels: named };
    const told = this.#isWithinRate(node) ? this.parts.links.tell(node, { type: 'presence', ...said }) : false;
    if (told !== undefined) this.#count(told ? 'told' : 'dropped');
    return told !== false;
  }

  /** Nodes whose last member has gone are in the audience for a while, but hear nothing new. */
  reads(channelId: string, node: string): boolean {
    return this.parts.audience.spanOf(channelId, node)?.until === Infinity;
  }

  /** What is newer does not overtake what waits for the database. As many wait as the rate of a node lets in. */
  async #inTurn<T>(peer: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(peer) ?? Promise.resolve()).then(work);
    const done = turn.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(peer, done);
    void done.then(() => this.#turns.get(peer) === done && this.#turns.delete(peer));
    return await turn;
  }

  /** Of the channels that a node names, those in which it may speak for the user. */
  async #believed(peer: string, author: string, named: readonly string[]): Promise<string[]> {
    const channels = [...new Set(named)];
    const read = author === peer ? channels.filter((id) => this.reads(id, peer)) : [];
    const homes = await this.parts.homes.ofAll(channels.filter((id) => !this.reads(id, peer)));
    return [...read, ...channels.filter((id) => homes.get(id) === peer)];
  }

  #local({ gateway_id, user_id, status, message, last_seen, channels }: PresenceChanged): void {
    if (parseUserId(user_id).nodeId !== this.parts.own) return;
    const isSeen = channels.length > 0 && status !== 'offline';
    this.parts.people.beat(gateway_id, performance.now());
    this.parts.people.apply(gateway_id, user_id, isSeen ? { status, message, last_seen } : undefined);
    // Nobody was told of who has always hidden: there is nothing to take back.
    if (channels.length === 0) this.lookAgain([user_id], last_seen);
    else this.#wait(user_id, { channels, last_seen });
  }

  /** To the members of other nodes, as the home of the channels. */
  #passOn({ node_id, user_id, channels, ...seen }: RemotePresence): void {
    if (parseUserId(user_id).nodeId !== node_id) return;
    const readers = this.#readersOf(channels.filter((id) => this.reads(id, node_id)));
    readers.delete(node_id);
    this.#sayTo(user_id, seen, readers);
  }

  #wait(userId: string, change: Change): void {
    if (change.channels.length === 0) return;
    if (!this.#waiting.has(userId) && this.#waiting.size >= MAX_WAITING) return this.#count('dropped');
    this.#waiting.set(userId, change);
    this.#look();
  }

  #look(): void {
    this.#work ??= this.#drain()
      .catch((error: unknown) =>
        this.parts.logger.debug({ err: error }, 'where channels have their homes is not known'),
      )
      .finally(() => {
        this.#work = undefined;
        if (this.#waiting.size > 0) this.#look();
      });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH);
      for (const [userId] of batch) this.#waiting.delete(userId);
      const homes = await this.parts.homes.ofAll(new Set(batch.flatMap(([, { channels }]) => channels)));
      for (const [userId, change] of batch) this.#changed(userId, change, homes);
      if (this.#waiting.size > 0) await delay(PAUSE_MS);
    }
  }

  #changed(userId: string, { channels, last_seen }: Change, homes: ReadonlyMap<string, string>): void {
    const seen = this.parts.people.seen(userId) ?? { status: 'offline' as const, last_seen };
    const news = this.#told.newsIn(userId, seen, channels);
    const shared = news.filter((id) => this.#isHere(id) || homes.has(id));
    if (shared.length === 0) return;
    this.#told.remember(userId, seen, shared, performance.now());
    const nodes = this.#readersOf(shared);
    // A channel that has moved may look as if it were ordered at both: who does not order it leaves what he hears.
    for (const id of shared) {
      const home = homes.get(id);
      if (home !== undefined && !this.reads(id, home)) add(nodes, home, id);
    }
    this.#sayTo(userId, seen, nodes);
  }

  /** Whether the channel is ordered here and others read it. */
  #isHere(channelId: string): boolean {
    return this.parts.audience.nodesOf(channelId).length > 0;
  }

  #readersOf(channels: readonly string[]): Map<string, string[]> {
    const nodes = new Map<string, string[]>();
    for (const id of channels)
      for (const node of this.parts.audience.nodesOf(id)) if (this.reads(id, node)) add(nodes, node, id);
    return nodes;
  }

  #sayTo(userId: string, seen: Seen, nodes: ReadonlyMap<string, string[]>): void {
    for (const [node, channels] of nodes) this.say(node, userId, seen, channels);
  }

  #isWithinRate(node: string): boolean {
    try {
      this.#toldRates.take(node);
      return true;
    } catch {
      return false;
    }
  }

  #count(result: string): void {
    this.parts.metrics.presence.inc({ result });
  }
}

function add(nodes: Map<string, string[]>, node: string, channelId: string): void {
  const channels = nodes.get(node);
  if (channels === undefined) nodes.set(node, [channelId]);
  else channels.push(channelId);
}
