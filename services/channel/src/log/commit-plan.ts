import { formatHash } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import type { MemberLimits } from '../limits.js';
import type { NewEntry } from './new-entry.js';
import {
  type CreateOperation,
  type JoinOperation,
  type LeaveOperation,
  type Operation,
  type Outcome,
  pairKey,
  type PostOperation,
  type Role,
  type UpdateOperation,
} from './operation.js';

/** A channel's row, locked by the transaction. */
export interface Head {
  channelId: string;
  name: string;
  lastSeq: number;
  aclVersion: number;
  /** The version that the database held when the row was locked. */
  readonly lockedAclVersion: number;
  stateHead: string | null;
  memberCount: number;
  homeEpoch: number;
}

export interface MemberRow {
  role: Role;
  joinedSeq: number;
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
  /** Channels that this transaction has just inserted. */
  created: Set<string>;
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
  readonly memberChanges = new Map<string, MemberChange>();
  readonly updates: UpdateOperation[] = [];

  constructor(
    private readonly snapshot: Snapshot,
    private readonly limits: MemberLimits,
  ) {}

  /** The error is an answer as good as the outcome: it is final, and nothing of its operation is kept. */
  decide(operation: Operation): Outcome | DcpError {
    const head = this.snapshot.heads.get(operation.channelId);
    if (operation.kind === 'create') return this.#create(operation, head);
    if (head === undefined) return new DcpError('CHANNEL_NOT_FOUND');
    switch (operation.kind) {
      case 'post':
        return this.#post(operation, head);
      case 'join':
        return this.#join(operation, head);
      case 'leave':
        return this.#leave(operation, head);
      case 'update':
        return this.#update(operation, head);
    }
  }

  /** Idempotency comes before permission (profile §4): a retry gets its answer even from a member who has left since. */
  #post(operation: PostOperation, head: Head): Outcome | DcpError {
    const { entry } = operation;
    const known = this.snapshot.known.get(pairKey(head.channelId, entry.id));
    if (known !== undefined) return entry.digest.equals(known.digest) ? outcome(head, known.seq, false) : conflict();
    if (!this.#mayPost(operation, head)) return denied('not_a_member');
    return outcome(head, this.#append(head, entry), true);
  }

  #mayPost({ channelId, userId, aclVersion }: PostOperation, head: Head): boolean {
    const pair = pairKey(channelId, userId);
    if (this.snapshot.membersRead.has(pair)) return this.snapshot.members.has(pair);
    // Not read because no role had changed since this one was cached; whoever changes in this batch has been read.
    return aclVersion === head.lockedAclVersion;
  }

  #join(operation: JoinOperation, head: Head): Outcome | DcpError {
    const member = this.#member(operation);
    if (member !== undefined) return outcome(head, member.joinedSeq, false);
    if (head.memberCount >= this.limits.maxMembers) return denied('channel_full');
    if (this.#memberships(operation) >= this.limits.maxMemberships) return denied('too_many_memberships');
    return this.#admit(operation, head, 'member');
  }

  /** A wrong cached role can only come from here: a leave moves the version, a join need not. */
  #leave(operation: LeaveOperation, head: Head): Outcome {
    const member = this.#member(operation);
    if (member === undefined) return outcome(head, head.lastSeq, false);
    const seq = this.#appendState(head, operation.entry);
    head.memberCount--;
    head.aclVersion++;
    this.#setMember(operation, null);
    this.snapshot.memberships.set(operation.userId, this.#memberships(operation) - 1);
    return outcome(head, seq, true);
  }

  #update(operation: UpdateOperation, head: Head): Outcome | DcpError {
    if (this.#member(operation)?.role !== 'owner') return denied('not_the_owner');
    this.updates.push(operation);
    return outcome(head, this.#appendState(head, operation.entry), true);
  }

  /** The same signed genesis again is the same channel; another channel of this name is in the way. */
  #create(operation: CreateOperation, head: Head | undefined): Outcome | DcpError {
    if (head === undefined) return new DcpError('CHANNEL_EXISTS', { channel: operation.channel.name });
    if (!this.snapshot.created.has(head.channelId)) return outcome(head, 1, false);
    this.snapshot.created.delete(head.channelId);
    return this.#admit(operation, head, 'owner');
  }

  #admit(operation: JoinOperation | CreateOperation, head: Head, role: Role): Outcome {
    const seq = this.#appendState(head, operation.entry);
    head.memberCount++;
    this.#setMember(operation, { role, joinedSeq: seq });
    this.snapshot.memberships.set(operation.userId, this.#memberships(operation) + 1);
    return outcome(head, seq, true);
  }

  #appendState(head: Head, entry: NewEntry): number {
    head.stateHead = formatHash(entry.digest);
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

  #member({ channelId, userId }: Operation): MemberRow | undefined {
    return this.snapshot.members.get(pairKey(channelId, userId));
  }

  #setMember({ channelId, userId }: Operation, row: MemberRow | null): void {
    const { members } = this.snapshot;
    const pair = pairKey(channelId, userId);
    const existed = this.memberChanges.get(pair)?.existed ?? members.has(pair);
    this.memberChanges.set(pair, { channelId, userId, row, existed });
    if (row === null) members.delete(pair);
    else members.set(pair, row);
  }

  #memberships({ userId }: Operation): number {
    return this.snapshot.memberships.get(userId) ?? 0;
  }
}

function outcome(head: Head, seq: number, changed: boolean): Outcome {
  return { seq, changed, name: head.name, aclVersion: head.aclVersion };
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}

/** Profile §4: the same id with other content. */
function conflict(): DcpError {
  return new DcpError('CONFLICT', { reason: 'id_used' });
}
