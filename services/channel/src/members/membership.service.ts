import type { Membership, StateChange } from '@dcp/contracts';
import { DcpError, invalidFormat } from '@dcp/protocol';
import type { ChannelIdentity, ChannelStore } from '../channels/channel.store.js';
import type { GroupCommit } from '../log/group-commit.js';
import type { NodeMessages } from '../node/node-message.js';
import { stateChangeOf } from '../state/state-change.js';
import { notAMember } from './access.js';
import type { MembershipEvents } from './membership-events.js';
import type { MemberPage, MembershipStore } from './membership.store.js';

/** Members in one page at most. */
const MAX_MEMBERS_PAGE = 1_000;

export interface MembershipParts {
  channels: ChannelStore;
  members: MembershipStore;
  events: MembershipEvents;
  commits: GroupCommit;
  node: NodeMessages;
}

/** §7.3, §9.2: anyone joins a public channel; each change is an entry of its log. */
export class MembershipService {
  constructor(private readonly parts: MembershipParts) {}

  async join(userId: string, channelId: string): Promise<StateChange> {
    const change = await this.#change('join', 'user_joined', userId, channelId);
    if (change.changed) this.parts.events.joined(userId, channelId, change.name);
    return change;
  }

  async leave(userId: string, channelId: string): Promise<StateChange> {
    const change = await this.#change('leave', 'user_left', userId, channelId);
    if (change.changed) this.parts.events.left(userId, channelId, change.name);
    return change;
  }

  /** Throws CHANNEL_NOT_FOUND, or INSUFFICIENT_PERMISSIONS for someone who is no member. */
  async membership(userId: string, channelId: string): Promise<Membership> {
    const found = await this.parts.members.inspect(channelId, userId);
    if (found === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    const { role, replica: _, ...place } = found;
    if (role === null) throw notAMember(found.visibility);
    return { ...place, role };
  }

  memberships(userId: string): Promise<Membership[]> {
    return this.parts.members.listOf(userId);
  }

  /** For members only: who is in a channel is the members' affair. */
  async members(userId: string, channelId: string, after: string, limit: number): Promise<MemberPage> {
    await this.membership(userId, channelId);
    return this.parts.members.page(channelId, after, Math.min(Math.max(limit, 1), MAX_MEMBERS_PAGE));
  }

  async #change(
    kind: 'join' | 'leave',
    action: 'user_joined' | 'user_left',
    userId: string,
    channelId: string,
  ): Promise<StateChange> {
    const channel = await this.parts.channels.identityOf(channelId);
    if (channel.encryption === 'e2ee') throw await this.sealed(userId, channelId, channel);
    const entry = this.parts.node.system(channelId, { action, actor: userId, target: channel.name, details: {} });
    return stateChangeOf(channelId, await this.parts.commits.submit({ kind, channelId, userId, entry }));
  }

  /** Why a plain command does nothing in an `e2ee` channel: its changes are signed by whoever makes them (profile §4). */
  async sealed(userId: string, channelId: string, { visibility }: ChannelIdentity): Promise<DcpError> {
    if (visibility !== 'public' && !(await this.parts.channels.mayKnow(channelId, userId))) {
      return new DcpError('CHANNEL_NOT_FOUND');
    }
    if (visibility === 'dm') return new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'dm' });
    return invalidFormat('signature_required', 'entry');
  }
}
