import { AUTH, CHANNEL, type DevicesChanged } from '@dcp/contracts';
import type { Bus, Logger, Subscription } from '@dcp/node-kit';
import type { MembershipStore } from './membership.store.js';

/** Channels in one message. */
const CHUNK = 500;

/** A grown device log matters where the user's messages are encrypted for his devices: the gateways learn in which channels. */
export class DeviceNews {
  constructor(
    private readonly bus: Bus,
    private readonly members: MembershipStore,
    private readonly logger: Logger,
  ) {}

  /** One of the instances takes each piece of news. */
  listen(): Subscription {
    return this.bus.subscribe(AUTH.devicesChanged, (news) => void this.#pass(news), 'channel');
  }

  /** Lost news is no harm done: whoever encrypts reads the log again before he trusts a new device. */
  async #pass({ user_id, seq, hash }: DevicesChanged): Promise<void> {
    try {
      const channels = await this.members.sealedOf(user_id);
      for (let start = 0; start < channels.length; start += CHUNK) {
        this.bus.publish(CHANNEL.devicesChanged, {
          user_id,
          seq,
          hash,
          channels: channels.slice(start, start + CHUNK),
        });
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'could not pass on that a device log has grown');
    }
  }
}
