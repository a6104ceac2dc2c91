import { DcpError } from '@dcp/protocol';
import type { MemberLimits } from '../limits.js';
import type { Head, MemberChange, MemberRow, Snapshot } from './commit-plan.js';
import { pairKey } from './operation.js';

/** The members of the locked channels while a batch is decided: each operation sees what the ones before it did. */
export class Roster {
  /** What must be written, by channel and user. */
  readonly changes = new Map<string, MemberChange>();

  constructor(
    private readonly snapshot: Pick<Snapshot, 'members' | 'memberships'>,
    private readonly limits: MemberLimits,
  ) {}

  member(channelId: string, userId: string): MemberRow | undefined {
    return this.snapshot.members.get(pairKey(channelId, userId));
  }

  /** Why one more may not join, or undefined. */
  refusal(head: Head, userId: string): DcpError | undefined {
    const { maxMembers, maxSealedMembers, maxMemberships } = this.limits;
    const most = head.encryption === 'e2ee' ? Math.min(maxMembers, maxSealedMembers) : maxMembers;
    if (head.memberCount >= most) return denied('channel_full');
    return this.#memberships(userId) >= maxMemberships ? denied('too_many_memberships') : undefined;
  }

  admit(head: Head, userId: string, row: MemberRow): void {
    head.memberCount++;
    this.#set(head.channelId, userId, row);
    this.snapshot.memberships.set(userId, this.#memberships(userId) + 1);
  }

  /** A wrong cached role can only come from here: a loss moves the version, a join need not. */
  dismiss(head: Head, userId: string): void {
    head.memberCount--;
    head.aclVersion++;
    this.#set(head.channelId, userId, null);
    this.snapshot.memberships.set(userId, this.#memberships(userId) - 1);
  }

  #set(channelId: string, userId: string, row: MemberRow | null): void {
    const { members } = this.snapshot;
    const pair = pairKey(channelId, userId);
    const existed = this.changes.get(pair)?.existed ?? members.has(pair);
    this.changes.set(pair, { channelId, userId, row, existed });
    if (row === null) members.delete(pair);
    else members.set(pair, row);
  }

  #memberships(userId: string): number {
    return this.snapshot.memberships.get(userId) ?? 0;
  }
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}
