import { formatHash } from '@dcp/crypto';
import { DcpError, type EncryptionMode, type Visibility } from '@dcp/protocol';
import type { MemberLimits } from '../limits.js';
import { decideState } from '../state/decide-state.js';
import { Standings, type StandingRows } from '../state/standings.js';
import type { NewEntry } from './new-entry.js';
import {
  type CreateOperation,
  type JoinOperation,
  type LeaveOperation,
  type OpenDmOperation,
  type Operation,
  type Outcome,
  pairKey,
  type PostOperation,
  type Role,
  type Settings,
  type StateOperation,
  type UpdateOperation,
} from './operation.js';
import { Roster } from './roster.js';

/** A channel's row, locked by the transaction. */
export interface Head {
  channelId: string;
  name: string;
  encryption: EncryptionMode;
  visibility: Visibility;
  creator: string;
  lastSeq: number;
  aclVersion: number;
  /** The version that the database held when the row was locked. */
  readonly lockedAclVersion: number;
  stateHead: string | null;
  /** The key epoch of an `e2ee` channel. */
  epoch: number;
  memberCount: number;
  homeEpoch: number;
  /** Another node orders this channel: nothing gets a number here. */
  isReplica: boolean;
}

export interface MemberRow {
  role: Role;
  joinedSeq: number;
  /** Null in `node` channels. */
  identityKey: string | null;
  /** RFC 3339; the time of the transaction where it is not told. */
  joinedAt?: string;
}

/** What the database says under the locks. A channel, id or member that is not in its map does not exist, or was not asked for. */
export interface Snapshot {
  heads: Map<string, Head>;
  /** Entries that are there already, by channel and id. */
  known: Map<string, { seq: number; digest: Uint8Array }>;
  /** By channel and user. */
  members: Map<string, MemberRow>;
  /** Pairs of channel and user whose member row, or absence, is in `members`. */
  membersRead: Set<string>;
  /** How many channels each user of a join is in. */
  memberships: Map<string, number>;
  standings: StandingRows;
  /** Channels that this transaction has just inserted. */
  created: Set<string>;
  /** Channels that somebody else has just inserted under the id of a creation. Not locked: they are answered with, never changed. */
  raced: Map<string, Head>;
}

export interface NumberedEntry extends NewEntry {
  channelId: string;
  seq: number;
  homeEpoch: number;
}

export interface MemberChange {
  channelId: string;
  userId: string;
  /** Null: removed. */
  row: MemberRow | null;
  /** A row was there before the transaction. */
  existed: boolean;
}

/**
 * Decides a batch of operations, in their order of arrival, on what the database holds under the locks: who may, what is repeated,
 * which number each entry gets. Pure: the caller reads before and writes after.
 */
export class CommitPlan {
  /** What each changed channel gets, in order of `seq`. */
  readonly appended = new Map<Head, NumberedEntry[]>();
  readonly updates: (Settings & { channelId: string })[] = [];
  readonly roster: Roster;
  readonly standings: Standings;

  constructor(
    private readonly snapshot: Snapshot,
    limits: MemberLimits,
  ) {
    this.roster = new Roster(snapshot, limits);
    this.standings = new Standings(snapshot.standings);
  }

  /** The error is an answer as good as the outcome: it is final, and nothing of its operation is kept. */
  decide(operation: Operation): Outcome | DcpError {
    const head = this.snapshot.heads.get(operation.channelId);
    if (operation.kind === 'create') return this.#create(operation, head);
    if (operation.kind === 'dm') return this.#openDm(operation, head);
    if (head === undefined) return new DcpError('CHANNEL_NOT_FOUND');
    if (head.isReplica) return new DcpError('CONFLICT', { reason: 'not_the_home' });
    switch (operation.kind) {
      case 'post':
        return this.#post(operation, head);
      case 'state':
        return this.#state(operation, head);
      case 'join':
        return this.#join(operation, head);
      case 'leave':
        return this.#leave(operation, head);
      case 'update':
        return this.#update(operation, head);
    }
  }

  #post(operation: PostOperation, head: Head): Outcome | DcpError {
    const isMember = this.#mayPost(operation, head);
    const repeated = this.#repeated(operation, head, isMember);
    if (repeated !== undefined) return repeated;
    if (!isMember) return stranger(head);
    const fault = epochFault(operation.epoch, head) ?? stateFault(operation.knownState, head);
    return fault ?? outcome(head, this.#append(head, operation.entry), true);
  }

  /** Idempotency comes before permission (profile §4): a retry gets its answer even from a member who has left since. */
  #repeated({ entry }: PostOperation | StateOperation, head: Head, isMember: boolean): Outcome | DcpError | undefined {
    const known = this.snapshot.known.get(pairKey(head.channelId, entry.id));
    if (known === undefined) return undefined;
    if (entry.digest.equals(known.digest)) return outcome(head, known.seq, false);
    return isMember || head.visibility === 'public' ? conflict(known.seq) : stranger(head);
  }

  #mayPost({ channelId, userId, aclVersion }: PostOperation, head: Head): boolean {
    const pair = pairKey(channelId, userId);
    if (this.snapshot.membersRead.has(pair)) return this.snapshot.members.has(pair);
    // Not read because no role had changed since this one was cached; whoever changes in this batch has been read.
    return aclVersion === head.lockedAclVersion;
  }

  #state(operation: StateOperation, head: Head): Outcome | DcpError {
    const isMember = this.roster.member(operation.channelId, operation.userId) !== undefined;
    const repeated = this.#repeated(operation, head, isMember);
    if (repeated !== undefined) return repeated;
    const { roster, standings, updates } = this;
    const append = () => this.#appendState(head, operation.entry);
    const decided = decideState(operation, head, {
      roster,
      standings,
      append,
      update: (one) => void updates.push(one),
    });
    if (decided instanceof DcpError) return decided;
    return { ...outcome(head, decided.seq, true), concerned: decided.concerned };
  }

  #join(operation: JoinOperation, head: Head): Outcome | DcpError {
    const { userId, channelId } = operation;
    const member = this.roster.member(channelId, userId);
    if (member !== undefined) return outcome(head, member.joinedSeq, false);
    if (this.standings.isBanned(channelId, userId)) return denied('banned');
    return this.roster.refusal(head, userId) ?? this.#admit(operation, head, 'member');
  }

  #leave({ channelId, userId, entry }: LeaveOperation, head: Head): Outcome {
    if (this.roster.member(channelId, userId) === undefined) return outcome(head, head.lastSeq, false);
    const seq = this.#appendState(head, entry);
    this.roster.dismiss(head, userId);
    return outcome(head, seq, true);
  }

  #update(operation: UpdateOperation, head: Head): Outcome | DcpError {
    if (this.roster.member(operation.channelId, operation.userId)?.role !== 'owner') return denied('not_the_owner');
    this.updates.push(operation);
    return outcome(head, this.#appendState(head, operation.entry), true);
  }

  /** The same signed genesis again is the same channel; another channel of this name is in the way. */
  #create(operation: CreateOperation, head: Head | undefined): Outcome | DcpError {
    const there = head ?? this.snapshot.raced.get(operation.channelId);
    if (there === undefined) return new DcpError('CHANNEL_EXISTS', { channel: operation.channel.name });
    if (!this.snapshot.created.delete(there.channelId)) return outcome(there, 1, false);
    const created = this.#admit(operation, there, 'owner');
    for (const { userId, identityKey } of operation.others) {
      this.roster.admit(there, userId, { role: 'member', joinedSeq: created.seq, identityKey });
    }
    return created;
  }

  #openDm({ channelId, members }: OpenDmOperation, head: Head | undefined): Outcome | DcpError {
    const there = head ?? this.snapshot.raced.get(channelId);
    if (there === undefined) return new DcpError('CHANNEL_NOT_FOUND');
    if (!this.snapshot.created.delete(channelId)) return outcome(there, there.lastSeq, false);
    for (const userId of members) this.roster.admit(there, userId, { role: 'member', joinedSeq: 0, identityKey: null });
    return outcome(there, 0, true);
  }

  #admit(operation: JoinOperation | CreateOperation, head: Head, role: Role): Outcome {
    const seq = this.#appendState(head, operation.entry);
    const identityKey = operation.kind === 'create' ? operation.identityKey : null;
    this.roster.admit(head, operation.userId, { role, joinedSeq: seq, identityKey });
    return outcome(head, seq, true);
  }

  #appendState(head: Head, entry: NewEntry): number {
    head.stateHead = entry.stateHash ?? formatHash(entry.digest);
    return this.#append(head, entry);
  }

  #append(head: Head, entry: NewEntry): number {
    const seq = ++head.lastSeq;
    const numbered = { ...entry, channelId: head.channelId, seq, homeEpoch: head.homeEpoch };
    const entries = this.appended.get(head);
    if (entries === undefined) this.appended.set(head, [numbered]);
    else entries.push(numbered);
    this.snapshot.known.set(pairKey(head.channelId, entry.id), { seq, digest: entry.digest });
    return seq;
  }
}

/** The channel is copied: later operations of the batch change it. */
function outcome(head: Head, seq: number, changed: boolean): Outcome {
  const { name, aclVersion, encryption, visibility, stateHead, epoch } = head;
  return { seq, changed, name, aclVersion, encryption, visibility, stateHead, epoch };
}

/** §9.2: that a channel exists is told to those who may find it only. */
function stranger({ visibility }: Head): DcpError {
  return visibility === 'public' ? denied('not_a_member') : new DcpError('CHANNEL_NOT_FOUND');
}

/** Profile §5: after a removal nothing is posted under keys that the removed may have. */
/** The author handed his key to whoever was in at the state that he knew; somebody has come or gone since. */
function stateFault(knownState: string | undefined, { stateHead, epoch }: Head): DcpError | undefined {
  if (knownState === undefined || knownState === stateHead) return undefined;
  return new DcpError('CONFLICT', { reason: 'stale_state', state_head: stateHead, epoch });
}

function epochFault(epoch: number | undefined, head: Head): DcpError | undefined {
  if (epoch === undefined || epoch === head.epoch) return undefined;
  if (epoch < head.epoch) return new DcpError('CONFLICT', { reason: 'stale_epoch', epoch: head.epoch });
  return new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'epoch', path: 'encryption.epoch' });
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}

/** Profile §4: the same id with other content. An author who has forgotten that he sent it finds it at `seq`. */
function conflict(seq: number): DcpError {
  return new DcpError('CONFLICT', { reason: 'id_used', seq });
}
