import type { CreateRequest, StateChange } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { checkNewChannelName, checkValues, DcpError, type Genesis, GROUP_NAME, parentChannelName } from '@dcp/protocol';
import type { MemberLimits } from '../limits.js';
import type { GroupCommit } from '../log/group-commit.js';
import type { CreateOperation } from '../log/operation.js';
import type { MembershipEvents } from '../members/membership-events.js';
import type { MembershipStore } from '../members/membership.store.js';
import type { NodeKey } from '../node/node-key.js';
import type { NodeMessages } from '../node/node-message.js';
import { stateChangeOf } from '../state/state-change.js';
import type { ChannelStore } from './channel.store.js';
import { beginChain } from './first-entry.js';
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
  verifySignatures: boolean;
}

/** §9.1, §9.2: a new channel; its creator is the owner and first member, the others of a group DM are in it from the start. */
export class CreateChannelService {
  constructor(private readonly parts: CreateChannelParts) {}

  async create(request: CreateRequest): Promise<StateChange> {
    checkRequest(request);
    const operation = this.#operation(request);
    const { channel, userId, others } = operation;
    await this.#checkParent(channel.name, userId);
    if (channel.visibility !== 'public') await this.#checkName(channel);
    await this.#checkCounts(
      userId,
      others.map((other) => other.userId),
    );
    const outcome = await this.parts.commits.submit(operation);
    if (outcome.changed) {
      for (const member of [userId, ...others.map((other) => other.userId)]) {
        this.parts.events.joined(member, channel.channelId, outcome.name);
      }
    }
    return stateChangeOf(channel.channelId, outcome);
  }

  #operation(request: CreateRequest): CreateOperation {
    const { key, clock, node } = this.parts;
    const { session, name } = request;
    const userId = session.user_id;
    const signed =
      request.genesis === undefined
        ? nodeGenesis(key, name, userId, clock.now())
        : clientGenesis(request, key.nodeId, clock.now());
    const { genesis } = signed;
    checkName(name, genesis);
    const title = request.title ?? (genesis.visibility === 'group' ? '' : name.slice(1));
    const channel = newChannel(signed, title, request.description ?? '');
    const base = { kind: 'create', channelId: channel.channelId, userId, channel } as const;
    if (genesis.encryption === 'e2ee') {
      return { ...base, ...beginChain(request, genesis, channel.channelId, this.#rules()) };
    }
    const content = { action: 'channel_created', actor: userId, target: name, details: {} } as const;
    return { ...base, entry: node.system(channel.channelId, content), identityKey: null, others: [] };
  }

  #rules(): { now: number; verifySignatures: boolean } {
    return { now: this.parts.clock.now(), verifySignatures: this.parts.verifySignatures };
  }

  /** A missing parent is no fault: names are a tree for people, channels are not. A private one is as good as missing. */
  async #checkParent(name: string, userId: string): Promise<void> {
    const parentName = parentChannelName(name);
    const parent = parentName === undefined ? undefined : await this.parts.channels.findPublic(parentName);
    if (parent === undefined) return;
    const isMember = (await this.parts.members.find(parent.channel_id, userId)) !== undefined;
    if (!isMember) throw denied('parent_membership');
  }

  /** A private channel takes no public one's name. It may share one with other private channels, which nobody must learn of. */
  async #checkName({ name }: { name: string }): Promise<void> {
    if ((await this.parts.channels.findPublic(name)) !== undefined)
      throw new DcpError('CHANNEL_EXISTS', { channel: name });
  }

  /** Not under a lock: two requests at the same moment may pass the limit by one. */
  async #checkCounts(userId: string, others: string[]): Promise<void> {
    const { members, limits } = this.parts;
    const { owned, all } = await members.countOf(userId);
    if (owned >= limits.maxOwned) throw denied('too_many_channels');
    const full = others.length > 0 && (await members.someIn(others, limits.maxMemberships));
    if (all >= limits.maxMemberships || full) throw denied('too_many_memberships');
    if (others.length >= Math.min(limits.maxMembers, limits.maxSealedMembers)) throw denied('channel_full');
  }
}

function checkRequest({ encryption, title, description, genesis }: CreateRequest): void {
  checkValues({ title, description }, 0);
  if (genesis !== undefined || encryption === 'node') return;
  throw new DcpError('INVALID_MESSAGE_FORMAT', {
    reason: 'signature_required',
    path: 'genesis',
    hint: 'sign a genesis, or create the channel with encryption "node"',
  });
}

/** Group DMs have generated names in a branch of their own, all others names of §9.1. */
function checkName(name: string, { visibility }: Genesis): void {
  if (visibility !== 'group') return checkNewChannelName(name);
  if (!GROUP_NAME.test(name)) throw new DcpError('INVALID_CHANNEL_NAME', { reason: 'group_name' });
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}
