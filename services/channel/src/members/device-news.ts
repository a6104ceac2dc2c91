import { AUTH, CHANNEL, type DevicesChanged, FEDERATION } from '@dcp/contracts';
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

  /** Every instance, and every piece of news. */
  listenAll(heard: (userId: string) => void): Subscription {
    return this.bus.subscribe(AUTH.devicesChanged, ({ user_id }) => heard(user_id));
  }

  /** One of the instances takes each piece of news. */
  listen(): Subscription {
    return this.bus.subscribe(AUTH.devicesChanged, (news) => void this.#pass(news), 'channel');
  }

  /** Lost news is no harm done: whoever encrypts reads the log again before he trusts a new device. */
  async #pass({ user_id, seq, hash, remote }: DevicesChanged): Promise<void> {
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
      // A user's own node tells the others.
      if (remote !== true) this.#tell(await this.members.nodesIn(channels), { user_id, seq, hash });
    } catch (error) {
      this.logger.warn({ err: error }, 'could not pass on that a device log has grown');
    }
  }

  /** A node that is not told asks again after a while. */
  #tell(nodes: string[], body: { user_id: string; seq: number; hash: string }): void {
    for (const node_id of nodes)
      void this.bus.request(FEDERATION.ask, { node_id, kind: 'devices_changed', body }).catch(() => undefined);
  }
}
