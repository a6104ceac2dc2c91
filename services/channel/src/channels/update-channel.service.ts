import type { StateChange } from '@dcp/contracts';
import type { Pool } from '@dcp/node-kit';
import { checkValues, DcpError, invalidFormat, type Mandate } from '@dcp/protocol';
import type { HandoverChecks } from '../handover/handover-checks.js';
import { findMandate } from '../handover/mandate.store.js';
import type { GroupCommit } from '../log/group-commit.js';
import type { MembershipService } from '../members/membership.service.js';
import type { NodeMessages } from '../node/node-message.js';
import { stateChangeOf } from '../state/state-change.js';
import type { ChannelStore } from './channel.store.js';

export interface ChannelSettings {
  title?: string | undefined;
  description?: string | undefined;
  mandate?: Mandate | undefined;
}

export interface UpdateChannelParts {
  channels: ChannelStore;
  membership: MembershipService;
  commits: GroupCommit;
  node: NodeMessages;
  pool: Pool;
  checks: Pick<HandoverChecks, 'isMandate'>;
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
    const { mandate } = wanted;
    if (mandate !== undefined) await this.#checkMandate(mandate, channelId, userId);
    const { title, description } = await this.#whatChanges(channelId, wanted);
    if (title === undefined && description === undefined && mandate === undefined) {
      return this.parts.channels.stateOf(channelId);
    }
    const details = { name: title, description, mandate };
    const entry = this.parts.node.system(channelId, {
      action: 'settings_changed',
      actor: userId,
      target: name,
      details,
    });
    const operation = { kind: 'update', channelId, userId, title, description, mandate, entry } as const;
    return stateChangeOf(channelId, await this.parts.commits.submit(operation));
  }

  /** A greater serial than any before, and the owner's own signature: nodes ask for it on the day when his node is gone. */
  async #checkMandate(mandate: Mandate, channelId: string, userId: string): Promise<void> {
    const { pool, checks } = this.parts;
    if (mandate.channel_id !== channelId || mandate.author !== userId)
      throw invalidFormat('not of this channel and user', 'mandate');
    const known = await findMandate(pool, channelId);
    if (known !== undefined && known.serial >= mandate.serial)
      throw new DcpError('CONFLICT', { reason: 'old_mandate', serial: known.serial });
    if (!(await checks.isMandate(mandate, { creator: userId })))
      throw invalidFormat('not signed by a device of its author', 'mandate');
  }

  async #whatChanges(channelId: string, { title, description }: ChannelSettings): Promise<ChannelSettings> {
    const current = await this.parts.channels.findById(channelId);
    return {
      title: title === current?.title ? undefined : title,
      description: description === current?.description ? undefined : description,
    };
  }
}
