import { setTimeout as delay } from 'node:timers/promises';
import type { EntryBatch, HomedChannel, Peer } from '@dcp/contracts';
import type { Bus, Clock, Logger } from '@dcp/node-kit';
import { DcpError, parseWith } from '@dcp/protocol';
import type { LogMetrics } from '../log/log-metrics.js';
import type { Publisher } from '../log/publisher.js';
import type { MembershipEvents } from '../members/membership-events.js';
import { nodeOf } from '../node/node-of.js';
import type { OutgoingStore } from '../outgoing/outgoing.store.js';
import type { FollowService } from '../handover/follow.service.js';
import type { HandoverChecks } from '../handover/handover-checks.js';
import {
  type Applied,
  applyOrdered,
  createReplica,
  notTheHome,
  type ReplicaRules,
  type ReplicaStart,
} from './apply.js';
import type { Asks } from './asks.js';
import { dmMembers, dmReplica, replicaChannel } from './check-home.js';
import { type Mandates, newestMandate, NO_MANDATES, tellsMandate, trueMandates } from './true-mandates.js';
import { groupConsent } from './group-consent.js';
import type { HomeDirectory } from './home-directory.js';
import { entryBatchSchema, type OrderedEntry, orderedEntries, orderedEntry } from './ordered-entry.js';
import { appendPlain } from './plain-batch.store.js';
import type { ConcernedBy } from './replica-plan.js';
import { findHome, type HomeRow } from './replica.store.js';

/** State entries that a channel may have when this node comes to it: they are read at once. */
const MAX_CHAIN = 20_000;
/** Of a readable channel with more members than this only its beginning here is waited for. */
const MAX_AT_ONCE = 200;
/** How long a command waits for what it did to come back in the channel's log. */
const CATCH_UP_MS = 5_000;
const FIRST_LOOK_MS = 10;
const LONGEST_LOOK_MS = 250;

/** A channel that this node has come to without asking for it, and who of it wants none of it. */
interface Adopted {
  row: HomeRow;
  declined: string[];
}

export interface ReplicaParts extends ReplicaRules {
  bus: Bus;
  asks: Asks;
  homes: HomeDirectory;
  checks: HandoverChecks;
  follow: FollowService;
  outgoing: OutgoingStore;
  publisher: Publisher;
  metrics: Pick<LogMetrics, 'replicated'>;
  events: MembershipEvents;
  clock: Clock;
  logger: Logger;
}

/** Channels of other nodes as they are kept here: each with the numbers that its home gave (profile §6). */
export class ReplicaService {
  constructor(private readonly parts: ReplicaParts) {}

  /** What a channel's home has ordered. Its signature over the order was checked; that it is the home is checked here. */
  async take(peer: Peer, body: unknown): Promise<{ last_seq: number }> {
    const batch: EntryBatch = parseWith(entryBatchSchema, body);
    const entries = orderedEntries(batch.entries, batch.channel_id);
    const plain = await this.#appendPlain(peer.node_id, batch.channel_id, entries);
    if (plain !== undefined) return { last_seq: plain };
    const known = await findHome(this.parts.pool, batch.channel_id);
    const { row, declined } = known === undefined ? await this.#adopt(peer, batch) : { row: known, declined: [] };
    // Whoever comes with a later epoch may have become the home; if so, he can prove it. Even to the home: it was away for too long.
    const isLater = row.homeNode !== peer.node_id && epochOf(body) > row.homeEpoch;
    if (row.replicaFrom === null && !isLater) throw notTheHome();
    if (isLater) await this.#learn(peer, batch.channel_id);
    // Nobody here is in the channel any more, so what its home still sends is for nobody.
    if (row.retired) return { last_seq: entries.at(-1)?.seq ?? 0 };
    return { last_seq: await this.#apply(batch.channel_id, entries, peer.node_id, declined) };
  }

  /**
   * Makes the replica of a channel that `userId` may read, unless there is one. It begins at `seq`, the entry that brought the first of
   * this node; without `seq`, behind what the home has now.
   */
  async adopt(homeNode: string, channelId: string, userId: string, seq?: number): Promise<void> {
    const row = await findHome(this.parts.pool, channelId);
    if (row !== undefined && !row.retired) return;
    const { info, chain, isChainOpen, lastSeq } = await this.#readHome(homeNode, channelId, userId, seq);
    const contained = chain.at(-1)?.seq === seq && seq !== undefined;
    const start = seq === undefined ? lastSeq : contained ? seq : seq - 1;
    await this.#create(info, { chain, isChainOpen, from: contained ? start : start + 1, lastSeq: start });
  }

  /** The replica of a DM whose home is the other's node. */
  async adoptDm(userId: string, other: string): Promise<boolean> {
    const now = this.#now();
    const channel = dmReplica(userId, other, now);
    const members = [userId, other];
    const start = {
      channel,
      handovers: [],
      mandate: undefined,
      chain: [],
      isChainOpen: false,
      from: 1,
      lastSeq: 0,
      members,
    };
    const concerned = await createReplica(this.parts, start, now);
    if (concerned !== undefined) this.#tell(channel.channelId, channel.name, concerned);
    return concerned !== undefined;
  }

  /** Resolves when the replica holds a number, or after a while: what the home has done stays done, and comes later. */
  async caughtUp(channelId: string, seq: number): Promise<void> {
    const end = performance.now() + CATCH_UP_MS;
    for (let wait = FIRST_LOOK_MS; performance.now() < end; wait = Math.min(wait * 2, LONGEST_LOOK_MS)) {
      const row = await findHome(this.parts.pool, channelId);
      if (row === undefined || row.retired || row.lastSeq >= seq) return;
      await delay(wait);
    }
  }

  /** A replica in which somebody of this node is; undefined: none. */
  async living(channelId: string): Promise<HomeRow | undefined> {
    const row = await findHome(this.parts.pool, channelId);
    return row === undefined || row.retired || row.replicaFrom === null ? undefined : row;
  }

  /** There is a replica, whether anybody is in it or not. */
  async isKept(channelId: string): Promise<boolean> {
    const row = await findHome(this.parts.pool, channelId);
    return row !== undefined && row.replicaFrom !== null;
  }

  /** The home says that a user of this node is in a channel of which nothing is known here: a group DM, or an answer that got lost. */
  async #adopt({ node_id, trust }: Peer, { channel_id, entries }: EntryBatch): Promise<Adopted> {
    // Of nodes that nobody has rated only what a user here has asked for is kept.
    const declined = trust === 'unknown' ? [] : await this.#adoptFrom(node_id, channel_id, entries[0]?.seq ?? 1);
    const row = await findHome(this.parts.pool, channel_id);
    if (row === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    return { row, declined };
  }

  async #adoptFrom(homeNode: string, channelId: string, firstSeq: number): Promise<string[]> {
    // In the node's own name: the home says whether one of its users is in the channel.
    const { info, chain, isChainOpen } = await this.#readHome(homeNode, channelId, this.parts.nodeId, firstSeq - 1);
    if (info.standing !== 'member') throw new DcpError('CHANNEL_NOT_FOUND');
    const refusing = await this.#refusing(info);
    await this.#create(info, { chain, isChainOpen, from: firstSeq, lastSeq: firstSeq - 1 });
    for (const userId of refusing) await this.#decline(homeNode, channelId, userId);
    return refusing;
  }

  /** Founders of a group DM who take none; throws where nobody here does. */
  async #refusing({ visibility, genesis }: HomedChannel): Promise<string[]> {
    if (visibility !== 'group' || genesis === null) return [];
    const { willing, refusing } = await groupConsent(this.parts.bus, this.parts.nodeId, genesis);
    if (willing.length > 0) return refusing;
    throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'direct_messages_off' });
  }

  /** Without an entry, as an account that ends: what he would have to sign his client never learns of. */
  async #decline(homeNode: string, channelId: string, userId: string): Promise<void> {
    const { asks, logger } = this.parts;
    const body = { user_id: userId, channel_id: channelId, change: 'leave' };
    await asks.ask(homeNode, 'channel_change', body).catch((error: unknown) => {
      logger.warn({ err: error, node: homeNode }, 'could not tell a home that a user takes no group DM');
    });
  }

  async #readHome(
    homeNode: string,
    channelId: string,
    userId: string,
    upTo = Number.MAX_SAFE_INTEGER,
  ): Promise<Pick<ReplicaStart, 'chain' | 'isChainOpen' | 'lastSeq'> & { info: HomedChannel }> {
    const { asks } = this.parts;
    const info = await asks.ask(homeNode, 'channel_info', { channel: channelId, user_id: userId });
    if (info.channel_id !== channelId) throw new DcpError('FEDERATION_ERROR', { reason: 'another_channel' });
    await this.parts.checks.home(info, homeNode);
    const lastSeq = info.last_seq;
    // Who else is in a crowd is read afterwards; a chain that clients check must be here first, and is short.
    if (info.encryption === 'node' && info.member_count > MAX_AT_ONCE)
      return { info, chain: [], isChainOpen: true, lastSeq };
    const chain: OrderedEntry[] = [];
    for (let after = 0; ;) {
      const page = await asks.ask(homeNode, 'channel_state', { channel_id: channelId, user_id: userId, after });
      const wanted = page.entries.filter(({ seq }) => seq > after && seq <= upTo);
      for (const entry of wanted) chain.push(orderedEntry(entry, channelId));
      if (chain.length > MAX_CHAIN) throw new DcpError('FEDERATION_ERROR', { reason: 'chain_too_long' });
      const isEnd = !page.has_more || wanted.length === 0 || wanted.length < page.entries.length;
      if (isEnd) return { info, chain: ascending(chain), isChainOpen: false, lastSeq: page.last_seq };
      after = wanted.at(-1)?.seq ?? after;
    }
  }

  async #create(
    info: HomedChannel,
    start: Pick<ReplicaStart, 'chain' | 'isChainOpen' | 'from' | 'lastSeq'>,
  ): Promise<void> {
    const { chain, from } = start;
    const now = this.#now();
    // Whoever made this replica is counted by his own entry.
    const open = start.isChainOpen ? { memberCount: Math.max(0, info.member_count - 1) } : {};
    const channel = { ...replicaChannel(info, now), ...open };
    const members = info.visibility === 'dm' ? [...(dmMembers(info.name) ?? [])] : [];
    const { handovers = [], genesis } = info;
    const mandate =
      genesis === null
        ? undefined
        : await newestMandate(this.parts.checks, genesis, channel.channelId, chain, info.mandate);
    const concerned = await createReplica(this.parts, { channel, handovers, mandate, members, ...start }, now);
    if (concerned === undefined) return;
    const { channelId, name } = channel;
    await this.parts.homes.replicated(channelId);
    // What happened before this node came is no news; who of it is in the channel now is.
    const news = new Map(concerned.map((one) => [one.userId, one]));
    this.#tell(
      channelId,
      name,
      [...news.values()].filter(({ change }) => change === 'joined'),
    );
    this.parts.publisher.publishEntries(channelId, name, chain.filter(({ seq }) => seq >= from).map(publicEntry));
  }

  async #learn({ node_id, trust }: Peer, channelId: string): Promise<void> {
    if (trust === 'unknown') throw notTheHome();
    await this.parts.follow.learn(node_id, channelId);
  }

  /** The usual case, in one statement: the next entries of a channel's home, none of which changes who is in it or what it is. */
  async #appendPlain(from: string, channelId: string, entries: OrderedEntry[]): Promise<number | undefined> {
    if (entries.some(({ type }) => type === 'system')) return undefined;
    const own = this.#own(entries);
    const name = await appendPlain(this.parts.pool, { channelId, from, entries, own });
    if (name === undefined) return undefined;
    this.#publish(channelId, name, entries);
    return entries.at(-1)?.seq;
  }

  async #apply(channelId: string, entries: OrderedEntry[], from: string, declined: string[]): Promise<number> {
    const mandates = await this.#mandatesIn(channelId, entries);
    const applied = await applyOrdered(this.parts, channelId, entries, this.#now(), from, { declined, mandates });
    if (applied.entries.length > 0) await this.#spread(channelId, applied);
    return applied.lastSeq;
  }

  async #mandatesIn(channelId: string, entries: OrderedEntry[]): Promise<Mandates> {
    if (!entries.some(tellsMandate)) return NO_MANDATES;
    const { genesis = '' } = (await findHome(this.parts.pool, channelId)) ?? {};
    return trueMandates(this.parts.checks, genesis, channelId, entries);
  }

  async #spread(channelId: string, { name, entries, concerned }: Applied): Promise<void> {
    this.#publish(channelId, name, entries);
    this.#tell(channelId, name, concerned);
    const own = this.#own(entries);
    if (own.length > 0) await this.parts.outgoing.settle(channelId, own);
  }

  #publish(channelId: string, name: string, entries: OrderedEntry[]): void {
    this.parts.metrics.replicated.inc(entries.length);
    this.parts.publisher.publishEntries(channelId, name, entries.map(publicEntry));
  }

  /** Ids of what users of this node have written. */
  #own(entries: OrderedEntry[]): string[] {
    return entries.filter(({ author }) => nodeOf(author) === this.parts.nodeId).map(({ id }) => id);
  }

  #tell(channelId: string, name: string, concerned: ConcernedBy[]): void {
    const { events, nodeId } = this.parts;
    for (const { userId, change, by } of concerned) {
      if (nodeOf(userId) !== nodeId) continue;
      if (change === 'joined' || change === 'left') events[change](userId, channelId, name);
      else events.invitation({ user_id: userId, channel_id: channelId, name, by, change });
    }
  }

  #now(): string {
    return new Date(this.parts.clock.now()).toISOString();
  }
}

/** Of the order that the batch came with. */
function epochOf(body: unknown): number {
  const { order } = body as { order?: { epoch?: unknown } };
  return typeof order?.epoch === 'number' ? order.epoch : 0;
}

/** A home that repeats or shuffles its chain is not followed. */
function ascending(chain: OrderedEntry[]): OrderedEntry[] {
  if (chain.every(({ seq }, i) => seq > (chain[i - 1]?.seq ?? 0))) return chain;
  throw new DcpError('FEDERATION_ERROR', { reason: 'chain' });
}

function publicEntry({ seq, id, type, author, received_at, body }: OrderedEntry) {
  return { seq, id, type, author, received_at, body };
}
