import type { Session, StateChange } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { dmName, DcpError, parseWith, userIdField } from '@dcp/protocol';
import type { ChannelStore } from '../channels/channel.store.js';
import type { MemberLimits } from '../limits.js';
import type { GroupCommit } from '../log/group-commit.js';
import type { NewChannel, OpenDmOperation } from '../log/operation.js';
import type { MembershipEvents } from '../members/membership-events.js';
import type { MembershipStore } from '../members/membership.store.js';
import { nodeOf } from '../node/node-of.js';
import type { Asks } from '../replicas/asks.js';
import { dmHome, dmIdOf } from '../replicas/check-home.js';
import type { ReplicaService } from '../replicas/replica.service.js';
import { stateChangeOf } from '../state/state-change.js';
import type { DmRequests } from './dm-requests.store.js';

export interface OpenDmParts {
  channels: ChannelStore;
  members: MembershipStore;
  commits: GroupCommit;
  events: MembershipEvents;
  clock: Clock;
  limits: MemberLimits;
  nodeId: string;
  asks: Asks;
  replicas: ReplicaService;
  requests: DmRequests;
}

/**
 * §9.2: the one conversation of two users. Its id is made of theirs (profile §2), so both sides open the same one; its home is the node of
 * the one whose id comes first.
 */
export class OpenDmService {
  constructor(private readonly parts: OpenDmParts) {}

  /** `asked`: the other's node has said yes, or it is the other who asks. */
  async open({ user_id: userId }: Pick<Session, 'user_id'>, other: string, asked = false): Promise<StateChange> {
    const members = [...new Set([userId, parseWith(userIdField, other)])];
    const channelId = dmIdOf(userId, other);
    const there = await this.#existing(channelId, userId);
    if (there !== undefined) return there;
    await this.#checkCounts(members);
    if (!asked && nodeOf(other) !== this.parts.nodeId) await this.#askOther(channelId, userId, other);
    if (nodeOf(userId) !== nodeOf(other)) await this.parts.requests.settle(channelId);
    if (dmHome(userId, other) !== this.parts.nodeId) return this.#replica(channelId, userId, other);
    const outcome = await this.parts.commits.submit(this.#operation(channelId, userId, other, members));
    if (outcome.changed) for (const member of members) this.parts.events.joined(member, channelId, outcome.name);
    return stateChangeOf(channelId, outcome);
  }

  /** Whether he takes DMs his own node knows; in its answer it has made its side. */
  async #askOther(channelId: string, userId: string, other: string): Promise<void> {
    const body = { user_id: userId, channel_id: channelId, change: 'open_dm', other };
    try {
      await this.parts.asks.ask(nodeOf(other), 'channel_change', body);
    } catch (error) {
      // He may accept later: then his node finds that this one wants it too.
      if (isRequest(error)) await this.parts.requests.wish(channelId, userId, new Date(this.parts.clock.now()));
      throw error;
    }
  }

  async #replica(channelId: string, userId: string, other: string): Promise<StateChange> {
    const changed = await this.parts.replicas.adoptDm(userId, other);
    return { ...(await this.parts.channels.stateOf(channelId)), changed };
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

/** §10.3: at a node that has not rated this one the other has to accept first. */
export const ACCEPTANCE = 'acceptance_required';

function isRequest(error: unknown): boolean {
  return error instanceof DcpError && error.details['reason'] === ACCEPTANCE;
}
