import type { StateChange } from '@dcp/contracts';
import { checkValues, DcpError } from '@dcp/protocol';
import type { GroupCommit } from '../log/group-commit.js';
import type { MembershipService } from '../members/membership.service.js';
import type { NodeMessages } from '../node/node-message.js';
import { stateChangeOf } from '../state/state-change.js';
import type { ChannelStore } from './channel.store.js';

export interface ChannelSettings {
  title?: string | undefined;
  description?: string | undefined;
}

export interface UpdateChannelParts {
  channels: ChannelStore;
  membership: MembershipService;
  commits: GroupCommit;
  node: NodeMessages;
}

/** Title and description: the owner's affair (§9.3). The commit checks his role again under the lock. */
export class UpdateChannelService {
  constructor(private readonly parts: UpdateChannelParts) {}

  async update(userId: string, channelId: string, wanted: ChannelSettings): Promise<StateChange> {
    checkValues(wanted, 0);
    const channel = await this.parts.channels.identityOf(channelId);
    if (channel.encryption === 'e2ee') throw await this.parts.membership.sealed(userId, channelId, channel);
    const { role, name } = await this.parts.membership.membership(userId, channelId);
    if (role !== 'owner') throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_the_owner' });
    const { title, description } = await this.#whatChanges(channelId, wanted);
    if (title === undefined && description === undefined) {
      return this.parts.channels.stateOf(channelId);
    }
    const details = { name: title, description };
    const entry = this.parts.node.system(channelId, {
      action: 'settings_changed',
      actor: userId,
      target: name,
      details,
    });
    const operation = { kind: 'update', channelId, userId, title, description, entry } as const;
    return stateChangeOf(channelId, await this.parts.commits.submit(operation));
  }

  async #whatChanges(channelId: string, { title, description }: ChannelSettings): Promise<ChannelSettings> {
    const current = await this.parts.channels.findById(channelId);
    return {
      title: title === current?.title ? undefined : title,
      description: description === current?.description ? undefined : description,
    };
  }
}
