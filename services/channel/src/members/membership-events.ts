import { CHANNEL, type MembershipChanged } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';

/** Tells the gateways whose sockets must hear a channel from now on, or no longer. */
export class MembershipEvents {
  constructor(private readonly bus: Bus) {}

  joined(userId: string, channelId: string, name: string): void {
    this.#publish(userId, channelId, name, 'joined');
  }

  left(userId: string, channelId: string, name: string): void {
    this.#publish(userId, channelId, name, 'left');
  }

  #publish(userId: string, channelId: string, name: string, change: MembershipChanged['change']): void {
    this.bus.publish(CHANNEL.membershipChanged, { user_id: userId, channel_id: channelId, name, change });
  }
}
