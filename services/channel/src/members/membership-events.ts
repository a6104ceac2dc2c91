import { CHANNEL, type InvitationChanged, type MembershipChanged } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';

/** Tells the gateways whose sockets must hear a channel from now on, or no longer, and who was invited. */
export class MembershipEvents {
  constructor(private readonly bus: Bus) {}

  joined(userId: string, channelId: string, name: string): void {
    this.#publish(userId, channelId, name, 'joined');
  }

  left(userId: string, channelId: string, name: string): void {
    this.#publish(userId, channelId, name, 'left');
  }

  invitation(change: InvitationChanged): void {
    this.bus.publish(CHANNEL.invitationChanged, change);
  }

  #publish(userId: string, channelId: string, name: string, change: MembershipChanged['change']): void {
    this.bus.publish(CHANNEL.membershipChanged, { user_id: userId, channel_id: channelId, name, change });
  }
}
