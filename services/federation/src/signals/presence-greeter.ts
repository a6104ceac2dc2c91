import { FEDERATION, GATEWAY, type PresenceSnapshot } from '@dcp/contracts';
import type { Bus, Logger, Subscription } from '@dcp/node-kit';
import { setTimeout as delay } from 'node:timers/promises';
import type { Audience } from '../feed/audience.js';
import type { ReplicaStore } from '../feed/replica.store.js';
import type { Links, LinkWatcher } from '../link/links.js';
import type { LocalPresence } from './local-presence.js';
import type { PresenceRelay } from './presence-relay.js';

export interface PresenceGreeterParts {
  bus: Bus;
  links: Links;
  audience: Audience;
  replicas: ReplicaStore;
  people: LocalPresence;
  relay: PresenceRelay;
  logger: Logger;
  /** How often it is looked which nodes share more channels than before. */
  lookMs: number;
}

/** Whoever is there is said again so often: who remembers him for 15 minutes then hears it twice before he forgets. */
const AGAIN_MS = 5 * 60_000;
/** For one link at once. Of more users only the newest of each gateway are said. */
const [MAX_USERS, MAX_CHANNELS] = [1_000, 5_000];
/** Names of channels in one question to the gateways. */
const CHANNELS_A_QUESTION = 1_000;
/** As many are said to all nodes at once, with a pause behind them. */
const [BATCH, PAUSE_MS] = [50, 25];
const BEAT_MS = 5_000;

interface Greeting {
  node: string;
  userId: string;
  channels: string[];
}

/**
 * Says to a node which users of this one are there: when its link comes up, when it shares more channels than before, and now and again,
 * which mends what was lost. The gateways are asked each time: they know their users' channels.
 */
export class PresenceGreeter implements LinkWatcher {
  /** Nodes that were asked for, and for how many users. */
  readonly #asked = new Map<string, { at: number; shared: number; left: number; isFirst: boolean }>();
  #waiting: Greeting[] = [];
  #subscriptions: Subscription[] = [];
  #timers: NodeJS.Timeout[] = [];
  #round: Promise<void> | undefined;
  #saying: Promise<void> | undefined;

  constructor(private readonly parts: PresenceGreeterParts) {}

  start(): void {
    const { bus, links, people, lookMs } = this.parts;
    this.#subscriptions = [
      bus.subscribe(GATEWAY.presenceSnapshot, (snapshot) => this.#heard(snapshot)),
      bus.subscribe(GATEWAY.beat, ({ gateway_id }) => people.beat(gateway_id, performance.now())),
      bus.onReconnect(() => this.#askAll()),
    ];
    links.watchers.add(this);
    this.#timers = [setInterval(() => this.#look(), lookMs), setInterval(() => this.#forgetSilent(), BEAT_MS)];
    this.#askAll();
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    this.parts.links.watchers.delete(this);
    this.#waiting = [];
    await Promise.all([this.#round, this.#saying]);
  }

  up(peer: string): void {
    this.#asked.delete(peer);
    if (this.parts.relay.mayHear(peer)) this.#greet(peer).catch((error: unknown) => this.#failed(error));
  }

  down(peer: string): void {
    this.#asked.delete(peer);
    this.#waiting = this.#waiting.filter(({ node }) => node !== peer);
  }

  #askAll(): void {
    this.parts.bus.publish(FEDERATION.presenceWanted, {});
  }

  #forgetSilent(): void {
    const { people, relay } = this.parts;
    relay.lookAgain(people.forgetSilent(performance.now()), new Date().toISOString());
  }

  #look(): void {
    this.#round ??= this.#greetAll()
      .catch((error: unknown) => this.#failed(error))
      .finally(() => (this.#round = undefined));
  }

  #failed(error: unknown): void {
    this.parts.logger.debug({ err: error }, 'who is there was not said, again soon');
  }

  async #greetAll(): Promise<void> {
    for (const { peer, isUp } of [...this.parts.links.lines()])
      if (isUp && this.parts.relay.mayHear(peer)) await this.#greet(peer);
  }

  async #greet(peer: string): Promise<void> {
    const { relay, audience, replicas, lookMs } = this.parts;
    const before = this.#asked.get(peer);
    const read = audience.channelsOf(peer).filter((id) => relay.reads(id, peer));
    const shared = [...new Set([...read, ...(await replicas.channelsOf(peer, MAX_CHANNELS))])].slice(0, MAX_CHANNELS);
    const now = performance.now();
    // Once more soon: the other node may not have read its channels yet when the link came up.
    const pause = before?.isFirst === true ? lookMs : AGAIN_MS;
    if (before !== undefined && shared.length <= before.shared && now - before.at < pause) return;
    if (this.parts.links.stateOf(peer) !== 'up') return;
    this.#asked.set(peer, { at: now, shared: shared.length, left: MAX_USERS, isFirst: before === undefined });
    if (before === undefined) await relay.sayDeparted(peer);
    this.#ask(peer, shared);
  }

  #ask(node_id: string, channels: readonly string[]): void {
    for (let from = 0; from < channels.length; from += CHANNELS_A_QUESTION) {
      const channel_ids = channels.slice(from, from + CHANNELS_A_QUESTION);
      this.parts.bus.publish(FEDERATION.presenceWanted, { node_id, channel_ids });
    }
  }

  #heard({ gateway_id, users, wanted_for: node }: PresenceSnapshot): void {
    this.parts.people.beat(gateway_id, performance.now());
    for (const { user_id, status, message, last_seen, hidden } of users) {
      const isSeen = !hidden && status !== 'offline';
      this.parts.people.apply(gateway_id, user_id, isSeen ? { status, message, last_seen } : undefined);
    }
    const asked = node === undefined ? undefined : this.#asked.get(node);
    if (node === undefined || asked === undefined) return;
    for (const { user_id: userId, channels = [] } of users) {
      if (channels.length === 0 || asked.left <= 0) continue;
      asked.left--;
      this.#waiting.push({ node, userId, channels });
    }
    this.#say();
  }

  #say(): void {
    if (this.#waiting.length === 0) return;
    this.#saying ??= this.#sayAll().finally(() => {
      this.#saying = undefined;
      this.#say();
    });
  }

  async #sayAll(): Promise<void> {
    const { people, relay } = this.parts;
    while (this.#waiting.length > 0) {
      for (const { node, userId, channels } of this.#waiting.splice(0, BATCH)) {
        const seen = people.seen(userId);
        if (seen !== undefined) relay.say(node, userId, seen, channels);
      }
      if (this.#waiting.length > 0) await delay(PAUSE_MS);
    }
  }
}
