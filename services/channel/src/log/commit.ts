import { databaseFailure, type Pool, type PoolClient } from '@dcp/node-kit';
import type { DcpError } from '@dcp/protocol';
import { closeAudience, openAudience } from '../peers/audience.store.js';
import { insertChannels, updateSettings } from '../channels/channel-rows.store.js';
import type { MemberLimits } from '../limits.js';
import { addMembers, countMemberships, findMembers, type Pair, removeMembers } from '../members/member.store.js';
import { CommitPlan, type Head, type NumberedEntry, type Snapshot } from './commit-plan.js';
import { concernedPairs, findStandings, writeStandings } from '../state/standing.store.js';
import { queueNotices } from '../outgoing/notice.store.js';
import { appendEntries, findKnown, lockHeads, readHeads } from './entry.store.js';
import { nodeOf } from '../node/node-of.js';
import { type NewChannel, type Operation, type Outcome, pairKey } from './operation.js';

/** What one transaction did. `results` are in the order of the operations. */
export interface Committed {
  results: (Outcome | DcpError)[];
  appended: AppendedEntries[];
}

/** New entries of one channel, in order of `seq`. */
export interface AppendedEntries {
  channelId: string;
  name: string;
  entries: NumberedEntry[];
  receivedAt: string;
}

/**
 * One transaction for a batch of operations. READ COMMITTED, and the locks come first in a statement of their own: the statements
 * after them see what a racing replica committed before it gave the locks up.
 */
export async function commitOperations(
  pool: Pool,
  operations: Operation[],
  limits: MemberLimits,
  now: Date,
  nodeId: string,
): Promise<Committed> {
  const client = await pool.connect();
  // While a client is checked out a lost connection is told to its listeners too, and ends the process when there is none.
  client.on('error', ignore);
  let broken = true;
  try {
    const committed = await inTransaction(client, operations, limits, now.toISOString(), nodeId);
    broken = false;
    return committed;
  } catch (error) {
    broken = databaseFailure(error) !== undefined || !(await rolledBack(client));
    throw error;
  } finally {
    client.off('error', ignore);
    client.release(broken);
  }
}

function ignore(): void {
  // The query under way fails with the same error.
}

async function inTransaction(
  client: PoolClient,
  operations: Operation[],
  limits: MemberLimits,
  receivedAt: string,
  nodeId: string,
): Promise<Committed> {
  const snapshot = await readUnderLocks(client, operations, receivedAt);
  const plan = new CommitPlan(snapshot, limits);
  const results = operations.map((operation) => plan.decide(operation));
  await write(client, plan, receivedAt, nodeId);
  return { results, appended: appendedBy(plan, receivedAt) };
}

async function readUnderLocks(client: PoolClient, operations: Operation[], now: string): Promise<Snapshot> {
  // Without the setting, a plan that was made while the log was small would scan it for ever after.
  await client.query('begin; set local enable_seqscan = off');
  const heads = await lockHeads(client, [...new Set(operations.map((operation) => operation.channelId))]);
  const states = operations.filter((operation) => operation.kind === 'state');
  const joins = operations.filter((operation) => operation.kind === 'join');
  const repeatable = [...operations.filter((operation) => operation.kind === 'post'), ...states];
  const known = repeatable.length === 0 ? new Map() : await findKnown(client, repeatable);
  const pairs = pairsToRead(operations, heads);
  const members = pairs.length === 0 ? new Map() : await findMembers(client, pairs);
  const joining = [...new Set([...joins, ...states].map(({ userId }) => userId))];
  const memberships = joining.length === 0 ? new Map() : await countMemberships(client, joining);
  const standings = await findStandings(client, states, joins, now);
  const { created, raced } = await createChannels(client, operations, heads);
  const membersRead = new Set(pairs.map(({ channelId, userId }) => pairKey(channelId, userId)));
  return { heads, known, members, membersRead, memberships, standings, created, raced };
}

/** Inserts the channels of all creations and adds the heads of those whose id and name were free. */
async function createChannels(
  client: PoolClient,
  operations: Operation[],
  heads: Map<string, Head>,
): Promise<Pick<Snapshot, 'created' | 'raced'>> {
  const channels = operations.flatMap((operation) => ('channel' in operation ? [operation.channel] : []));
  if (channels.length === 0) return { created: new Set(), raced: new Map() };
  const created = new Set(await insertChannels(client, channels));
  for (const channel of channels) if (created.has(channel.channelId)) heads.set(channel.channelId, newHead(channel));
  const missed = channels.map(({ channelId }) => channelId).filter((channelId) => !heads.has(channelId));
  // Read, not locked: a lock now, after those of the transaction, could close a circle.
  const raced = missed.length === 0 ? new Map() : await readHeads(client, missed);
  return { created, raced };
}

/** Whoever changes state or is changed, and authors whose cached role is older than the last change of roles. */
function pairsToRead(operations: Operation[], heads: Map<string, Head>): Pair[] {
  return operations.flatMap((operation): Pair[] => {
    const { kind, channelId, userId } = operation;
    if (kind === 'create' || kind === 'dm') return [];
    if (kind === 'state') return concernedPairs(operation);
    const unchanged = kind === 'post' && operation.aclVersion === heads.get(channelId)?.aclVersion;
    return unchanged ? [] : [{ channelId, userId }];
  });
}

function newHead({ channelId, name, encryption, visibility, creator, homeEpoch }: NewChannel): Head {
  return {
    channelId,
    name,
    encryption,
    visibility,
    creator,
    homeEpoch,
    isReplica: false,
    lastSeq: 0,
    aclVersion: 0,
    lockedAclVersion: 0,
    stateHead: null,
    epoch: 0,
    memberCount: 0,
  };
}

async function write(client: PoolClient, plan: CommitPlan, receivedAt: string, nodeId: string): Promise<void> {
  const changes = [...plan.roster.changes.values()];
  const removed = changes.filter((change) => change.existed);
  const added = changes.filter((change) => change.row !== null);
  const entries = [...plan.appended.values()].flat();
  if (entries.length > 0) await appendEntries(client, entries, [...plan.appended.keys()], receivedAt);
  if (removed.length > 0) await removeMembers(client, removed);
  if (added.length > 0) await addMembers(client, added, receivedAt);
  for (const update of plan.updates) await updateSettings(client, update);
  await writeStandings(client, plan.standings, receivedAt);
  await tellOtherNodes(client, plan, receivedAt, nodeId);
  await client.query('commit');
}

/** Whose nodes must get what is ordered here, and who must hear of an invitation. Nothing to do where all are of this node. */
async function tellOtherNodes(client: PoolClient, plan: CommitPlan, now: string, nodeId: string): Promise<void> {
  const foreign = [...plan.roster.changes.values()].filter(({ userId }) => nodeOf(userId) !== nodeId);
  const added = foreign.filter(({ row }) => row !== null);
  const removed = foreign.filter(({ row }) => row === null);
  if (added.length > 0) await openAudience(client, added);
  if (removed.length > 0) await closeAudience(client, removed, now);
  const invited = [...plan.standings.invitationChanges.values()].filter(({ userId }) => nodeOf(userId) !== nodeId);
  if (invited.length > 0) await queueNotices(client, invited, now);
}

function appendedBy(plan: CommitPlan, receivedAt: string): AppendedEntries[] {
  return [...plan.appended].map(([{ channelId, name }, entries]) => ({ channelId, name, entries, receivedAt }));
}

/** False when the connection cannot even do that. */
async function rolledBack(client: PoolClient): Promise<boolean> {
  return client.query('rollback').then(
    () => true,
    () => false,
  );
}
