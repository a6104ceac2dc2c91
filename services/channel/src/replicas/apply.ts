import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, genesisSchema, type HandoverRecord, type Mandate, USER_ID } from '@dcp/protocol';
import { findLastMove, insertHandovers } from '../handover/handover.store.js';
import { keepMandate } from '../handover/mandate.store.js';
import type { MemberLimits } from '../limits.js';
import type { Head } from '../log/commit-plan.js';
import { lockHeads } from '../log/entry.store.js';
import type { Founder, NewChannel } from '../log/operation.js';
import { Roster } from '../log/roster.js';
import { addMembers, findMembers, type Pair, removeMembers } from '../members/member.store.js';
import { nodeOf } from '../node/node-of.js';
import { findBans, findInvitations, writeStandings } from '../state/standing.store.js';
import { noStandings, Standings } from '../state/standings.js';
import { openGap } from './chain-gap.store.js';
import type { OrderedEntry } from './ordered-entry.js';
import { type ConcernedBy, ReplicaPlan } from './replica-plan.js';
import { type Mandates, NO_MANDATES } from './true-mandates.js';
import { appendOrdered, beginReplica, type HomeRow, lockHome, retireIfEmpty } from './replica.store.js';

export interface ReplicaRules {
  pool: Pool;
  limits: MemberLimits;
  /** Of this node. */
  nodeId: string;
}

/** What a batch of its home did to a replica. */
export interface Applied {
  name: string;
  /** Those that were new. */
  entries: OrderedEntry[];
  concerned: ConcernedBy[];
  lastSeq: number;
}

/**
 * Writes what a channel's home has ordered, in one transaction under the lock of the channel's row, as a commit of this node would.
 * Repeats are dropped; CONFLICT `gap` with the last number here where something is missing. `declined`: founders of a group DM who are in it
 * for everybody but themselves; `mandates`: those of the entries that count. FEDERATION_ERROR `not_the_home` where `from` had nothing to order.
 */
export function applyOrdered(
  { pool, limits, nodeId }: ReplicaRules,
  channelId: string,
  entries: OrderedEntry[],
  now: string,
  from: string,
  { declined, mandates }: Pick<Followed, 'declined' | 'mandates'>,
): Promise<Applied> {
  return withTransaction(pool, async (client) => {
    const row = await lockHome(client, channelId);
    const head = (await lockHeads(client, [channelId])).get(channelId);
    if (row === undefined || head === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    if (!(await mayOrder(client, channelId, row, from, entries))) throw notTheHome();
    const fresh = entries.filter(({ seq }) => seq > head.lastSeq);
    const { name, lastSeq } = head;
    if (fresh.length === 0) return { name, entries: [], concerned: [], lastSeq };
    if (fresh[0]?.seq !== lastSeq + 1) throw new DcpError('CONFLICT', { reason: 'gap', last_seq: lastSeq });
    const concerned = await follow(client, head, fresh, { ...row, declined, mandates }, limits, now);
    const leaving = concerned.some(({ userId, change }) => change === 'left' && nodeOf(userId) === nodeId);
    if (leaving) await retireIfEmpty(client, channelId, nodeId, now);
    return { name, entries: fresh, concerned, lastSeq: head.lastSeq };
  });
}

/** Its home; and the one before, of what it had ordered until then. */
async function mayOrder(
  client: PoolClient,
  channelId: string,
  { homeNode, replicaFrom }: HomeRow,
  from: string,
  entries: OrderedEntry[],
): Promise<boolean> {
  if (replicaFrom === null || homeNode === from) return replicaFrom !== null;
  const last = await findLastMove(client, channelId);
  return last?.fromNode === from && (entries.at(-1)?.seq ?? 0) <= last.lastSeq;
}

export function notTheHome(): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason: 'not_the_home' });
}

export interface ReplicaStart {
  channel: NewChannel;
  /** How its home came to be its home. */
  handovers: HandoverRecord[];
  mandate: Mandate | undefined;
  /** State entries below or at the beginning, ascending. */
  chain: OrderedEntry[];
  /** The chain was left out: it is read later. */
  isChainOpen: boolean;
  /** The first `seq` from which nothing is missing. */
  from: number;
  /** The last one that is in `chain` or needs no entry: `from` or the one before it. */
  lastSeq: number;
  /** Of a DM, which has no entries that say who is in it. */
  members: string[];
}

/** Makes a replica that knows the whole state chain, or that it does not. Undefined: there is one already. */
export function createReplica(
  { pool, limits }: ReplicaRules,
  { channel, handovers, mandate, chain, isChainOpen, from, lastSeq, members }: ReplicaStart,
  now: string,
): Promise<ConcernedBy[] | undefined> {
  return withTransaction(pool, async (client) => {
    if (!(await beginReplica(client, channel, from))) return undefined;
    await insertHandovers(client, handovers, now);
    if (mandate !== undefined) await keepMandate(client, mandate);
    if (isChainOpen) await openGap(client, channel.channelId, from);
    const head = (await lockHeads(client, [channel.channelId])).get(channel.channelId);
    if (head === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    const { genesis } = channel;
    const concerned = await follow(
      client,
      head,
      chain,
      { genesis, lastSeq, declined: [], mandates: NO_MANDATES },
      limits,
      now,
    );
    if (members.length === 0) return concerned;
    const row = { role: 'member' as const, joinedSeq: 0, identityKey: null };
    const added = members.map((userId) => ({ channelId: channel.channelId, userId, row, existed: false }));
    await addMembers(client, added, now);
    return members.map((userId) => ({ userId, change: 'joined' as const, by: userId }));
  });
}

/** What entries are followed by, besides what the tables say. */
export interface Followed extends Pick<HomeRow, 'genesis' | 'lastSeq'> {
  declined: string[];
  mandates: Mandates;
}

/** `isKept`: the entries are in the log already, and only what they say is followed again. */
export async function follow(
  client: PoolClient,
  head: Head,
  entries: OrderedEntry[],
  { genesis, lastSeq, declined, mandates }: Followed,
  limits: MemberLimits,
  now: string,
  isKept = false,
): Promise<ConcernedBy[]> {
  const founders = foundersOf(genesis).filter(({ userId }) => !declined.includes(userId));
  const pairs = pairsOf(entries, head.channelId, founders);
  const known = pairs.length > 0;
  const members = known ? await findMembers(client, pairs) : new Map();
  const roster = new Roster({ members, memberships: new Map() }, limits);
  const invitations = known ? await findInvitations(client, pairs) : new Map();
  const bans = known ? await findBans(client, pairs) : new Set<string>();
  const standings = new Standings({ ...noStandings(), invitations, bans });
  const plan = new ReplicaPlan(head, roster, standings, founders, mandates);
  for (const entry of entries) plan.take(entry);
  head.lastSeq = Math.max(head.lastSeq, lastSeq);
  await appendOrdered(client, head, isKept ? [] : entries, plan.settings);
  const changes = [...roster.changes.values()];
  const removed = changes.filter(({ existed }) => existed);
  const added = changes.filter(({ row }) => row !== null);
  if (removed.length > 0) await removeMembers(client, removed);
  if (added.length > 0) await addMembers(client, added, now);
  await writeStandings(client, standings, now);
  return plan.concerned;
}

/** Everybody whom a state entry may be about. */
function pairsOf(entries: OrderedEntry[], channelId: string, founders: Founder[]): Pair[] {
  const users = new Set<string>();
  for (const { type, author, message } of entries) {
    if (type !== 'system' || message === undefined) continue;
    users.add(author);
    const { target } = (message['content'] ?? {}) as { target?: unknown };
    if (typeof target === 'string' && USER_ID.test(target)) users.add(target);
  }
  if (users.size > 0) for (const { userId } of founders) users.add(userId);
  return [...users].map((userId) => ({ channelId, userId }));
}

export function foundersOf(genesis: string): Founder[] {
  if (genesis === '') return [];
  const { members = [], creator } = genesisSchema.parse(JSON.parse(genesis));
  return members
    .filter(({ user_id }) => user_id !== creator)
    .map(({ user_id, identity_key }) => ({ userId: user_id, identityKey: identity_key }));
}
