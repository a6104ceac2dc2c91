import { CHANNEL, type DevicesQueued, KEYS, type MemberDevicesChanged, type StockLow } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import type { DeviceReference, ServerEvent } from '@dcp/protocol';
import type { Hub } from '../fanout/hub.js';
import type { Connection } from '../sockets/connection.js';
import { textFrame } from '../sockets/frames.js';
import type { LocalUsers } from '../users/local-users.js';

/** Tells devices that something waits for them, and everybody concerned that a device log has grown. */
export class DeviceEvents {
  constructor(
    private readonly users: LocalUsers,
    private readonly hub: Hub,
  ) {}

  hear(bus: Bus): Subscription {
    const subscriptions = [
      bus.subscribe(KEYS.queued, (event) => this.queued(event)),
      bus.subscribe(KEYS.stockLow, (event) => this.stockLow(event)),
      bus.subscribe(CHANNEL.devicesChanged, (event) => this.devicesChanged(event)),
    ];
    return { unsubscribe: () => subscriptions.forEach((subscription) => subscription.unsubscribe()) };
  }

  private queued({ devices }: DevicesQueued): void {
    for (const { head, ...device } of devices) push(this.socketsOf(device), { event: 'device_queue', data: { head } });
  }

  private stockLow({ epoch, one_time, kem, ...device }: StockLow): void {
    push(this.socketsOf(device), { event: 'keys_low', data: { epoch, one_time, kem } });
  }

  /** Once to every socket, in however many of the channels it is. */
  private devicesChanged({ user_id, seq, hash, channels }: MemberDevicesChanged): void {
    const sockets = new Set(this.users.get(user_id)?.connections ?? []);
    for (const channelId of channels)
      for (const connection of this.hub.get(channelId)?.connections ?? []) sockets.add(connection);
    push(sockets, { event: 'devices_changed', data: { user_id, seq, hash } });
  }

  /** Exactly the sockets of this device: what waits for it is nobody else's to fetch. */
  private socketsOf({ user_id, device }: DeviceReference): Connection[] {
    const own = this.users.get(user_id)?.connections ?? [];
    return own.filter(({ session }) => session?.device === device);
  }
}

/** One frame for all of them. */
export function push(connections: Iterable<Connection>, event: ServerEvent): void {
  let frame: Buffer | undefined;
  for (const connection of connections) connection.push((frame ??= textFrame(JSON.stringify(event))));
}
