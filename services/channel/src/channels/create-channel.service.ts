import type { CreateRequest, StateChange } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { checkNewChannelName, checkValues, DcpError, parentChannelName } from '@dcp/protocol';
import type { MemberLimits } from '../limits.js';
import type { GroupCommit } from '../log/group-commit.js';
import type { MembershipEvents } from '../members/membership-events.js';
import type { MembershipStore } from '../members/membership.store.js';
import type { NodeKey } from '../node/node-key.js';
import type { NodeMessages } from '../node/node-message.js';
import type { ChannelStore } from './channel.store.js';
import { clientGenesis, newChannel, nodeGenesis } from './genesis.js';

export interface CreateChannelParts {
  channels: ChannelStore;
  members: MembershipStore;
  events: MembershipEvents;
  commits: GroupCommit;
  key: NodeKey;
  node: NodeMessages;
  clock: Clock;
  limits: MemberLimits;
}

/** §9.1, §9.2: a new public channel; its creator is the owner and first member. */
export class CreateChannelService {
  constructor(private readonly parts: CreateChannelParts) {}

  async create(request: CreateRequest): Promise<StateChange> {
    checkRequest(request);
    const userId = request.session.user_id;
    await this.#checkParent(request.name, userId);
    await this.#checkCounts(userId);
    const { key, clock, node, commits, events } = this.parts;
    const signed =
      request.genesis === undefined
        ? nodeGenesis(key, request.name, userId, clock.now())
        : clientGenesis(request, key.nodeId, clock.now());
    const channel = newChannel(signed, request.title ?? request.name.slice(1), request.description ?? '');
    const content = { action: 'channel_created', actor: userId, target: request.name, details: {} } as const;
    const entry = node.system(channel.channelId, content);
    const { channelId } = channel;
    const { seq, changed, name } = await commits.submit({ kind: 'create', channelId, userId, channel, entry });
    if (changed) events.joined(userId, channelId, name);
    return { channel_id: channelId, name, seq, changed };
  }

  /** A missing parent is no fault: names are a tree for people, channels are not. */
  async #checkParent(name: string, userId: string): Promise<void> {
    const parentName = parentChannelName(name);
    const parent = parentName === undefined ? undefined : await this.parts.channels.findByName(parentName);
    if (parent === undefined) return;
    const isMember = (await this.parts.members.find(parent.channel_id, userId)) !== undefined;
    if (!isMember) throw denied('parent_membership');
  }

  /** Not under a lock: two requests at the same moment may pass the limit by one. */
  async #checkCounts(userId: string): Promise<void> {
    const { members, limits } = this.parts;
    const { owned, all } = await members.countOf(userId);
    if (owned >= limits.maxOwned) throw denied('too_many_channels');
    if (all >= limits.maxMemberships) throw denied('too_many_memberships');
  }
}

function checkRequest({ name, encryption, title, description }: CreateRequest): void {
  checkNewChannelName(name);
  checkValues({ title, description }, 0);
  if (encryption === 'node') return;
  throw new DcpError('INVALID_MESSAGE_FORMAT', {
    reason: 'e2ee_unavailable',
    path: 'encryption',
    hint: 'create the channel with encryption "node"',
  });
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}
