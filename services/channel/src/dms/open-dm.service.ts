import type { Session, StateChange } from '@dcp/contracts';
import { sha256, toBase32 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import { dmChannelIdInput, dmName, DcpError, parseWith, userIdField } from '@dcp/protocol';
import type { ChannelStore } from '../channels/channel.store.js';
import type { MemberLimits } from '../limits.js';
import type { GroupCommit } from '../log/group-commit.js';
import type { NewChannel, OpenDmOperation } from '../log/operation.js';
import type { MembershipEvents } from '../members/membership-events.js';
import type { MembershipStore } from '../members/membership.store.js';
import { stateChangeOf } from '../state/state-change.js';

export interface OpenDmParts {
  channels: ChannelStore;
  members: MembershipStore;
  commits: GroupCommit;
  events: MembershipEvents;
  clock: Clock;
  limits: MemberLimits;
  nodeId: string;
}

/** §9.2: the one conversation of two users. Its id is made of theirs (profile §2), so both sides open the same one. */
export class OpenDmService {
  constructor(private readonly parts: OpenDmParts) {}

  async open({ user_id: userId }: Session, other: string): Promise<StateChange> {
    const members = [...new Set([userId, parseWith(userIdField, other)])];
    const channelId = `ch_${toBase32(sha256(dmChannelIdInput(userId, other)))}`;
    const there = await this.#existing(channelId, userId);
    if (there !== undefined) return there;
    await this.#checkCounts(members);
    const outcome = await this.parts.commits.submit(this.#operation(channelId, userId, other, members));
    if (outcome.changed) for (const member of members) this.parts.events.joined(member, channelId, outcome.name);
    return stateChangeOf(channelId, outcome);
  }

  /** The name of a forgotten account opens nothing, even if somebody has it again. */
  async #existing(channelId: string, userId: string): Promise<StateChange | undefined> {
    const place = await this.parts.members.inspect(channelId, userId);
    if (place === undefined) return undefined;
    if (place.role === null) throw new DcpError('CHANNEL_NOT_FOUND');
    return this.parts.channels.stateOf(channelId);
  }

  async #checkCounts(members: string[]): Promise<void> {
    const { maxMemberships } = this.parts.limits;
    if (!(await this.parts.members.someIn(members, maxMemberships))) return;
    throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'too_many_memberships' });
  }

  #operation(channelId: string, userId: string, other: string, members: string[]): OpenDmOperation {
    const channel: NewChannel = {
      channelId,
      name: dmName(userId, other),
      homeNode: this.parts.nodeId,
      homeEpoch: 1,
      encryption: 'e2ee',
      visibility: 'dm',
      title: '',
      description: '',
      genesis: '',
      genesisSignature: '',
      creator: '',
      createdAt: new Date(this.parts.clock.now()).toISOString(),
      memberCount: members.length,
    };
    return { kind: 'dm', channelId, userId, channel, members };
  }
}
