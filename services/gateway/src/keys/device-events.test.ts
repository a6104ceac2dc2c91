import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CHANNEL, KEYS } from '@dcp/contracts';
import { createInProcessBus, createMetrics, silentLogger, type Bus, type Subscription } from '@dcp/node-kit';
import { testConnection } from '../../test/test-connection.js';
import { Hub } from '../fanout/hub.js';
import { gatewayMetrics } from '../metrics.js';
import type { Connection } from '../sockets/connection.js';
import { TurnOutbox } from '../sockets/outbox.js';
import { LocalUsers } from '../users/local-users.js';
import { DeviceEvents } from './device-events.subscriber.js';

const BOB = 'n0000000.bob';

describe('what devices are told', () => {
  let bus: Bus;
  let hub: Hub;
  let users: LocalUsers;
  let subscription: Subscription;

  beforeEach(() => {
    bus = createInProcessBus({ freeze: true });
    bus.serve(CHANNEL.heads, () => ({ heads: {} }), 'channel');
    const metrics = gatewayMetrics(createMetrics({ service: 'gateway', processMetrics: false }));
    hub = new Hub(bus, new TurnOutbox(1_000_000, () => undefined), metrics, silentLogger);
    users = new LocalUsers();
    subscription = new DeviceEvents(users, hub).hear(bus);
  });
  afterEach(async () => {
    subscription.unsubscribe();
    hub.stop();
    await bus.close();
  });

  const socketOf = (user_id: string, device: string | null) => {
    const socket = testConnection();
    const session = { session_id: 's', user_id, device, key: 'k', account_type: 'standard' as const, admin: false };
    socket.connection.session = session;
    const settings = { user_id, show_online_status: true, allow_direct_messages: true, blocked_users: [] };
    users.attach(socket.connection, user_id, settings);
    return socket;
  };
  const enter = async (channelId: string, ...connections: Connection[]) => {
    const room = await hub.open(channelId, channelId);
    for (const connection of connections) room.enter(connection);
  };

  it('[DCP-12.3-07] a grown device log is told once to whoever hears one of the channels, and to the user himself', async () => {
    const [both, one, other] = ['alice', 'carol', 'dave'].map((name) => socketOf(`n0000000.${name}`, null));
    const own = socketOf(BOB, 'dev_b');
    await enter('ch_a', both?.connection as Connection);
    await enter('ch_b', both?.connection as Connection, one?.connection as Connection);
    await enter('ch_c', other?.connection as Connection);
    const news = { user_id: BOB, seq: 3, hash: 'sha256:00' };
    bus.publish(CHANNEL.devicesChanged, { ...news, channels: ['ch_a', 'ch_b', 'ch_x'] });
    await bus.flush();
    await new Promise((resolve) => setImmediate(resolve));
    for (const socket of [both, one, own]) expect(socket?.events()).toEqual([{ event: 'devices_changed', data: news }]);
    expect(other?.events()).toEqual([]);
  });

  it('what waits and what runs low is told to the device, and to no other of the user', async () => {
    const [phone, again, laptop] = ['dev_p', 'dev_p', 'dev_l'].map((device) => socketOf(BOB, device));
    const namesake = socketOf('n0000000.eve', 'dev_p');
    bus.publish(KEYS.queued, {
      devices: [
        { user_id: BOB, device: 'dev_p', head: 7 },
        { user_id: 'n0000000.absent', device: 'dev_p', head: 1 },
      ],
    });
    bus.publish(KEYS.stockLow, { user_id: BOB, device: 'dev_l', epoch: 1, one_time: 2, kem: 3 });
    await bus.flush();
    await new Promise((resolve) => setImmediate(resolve));
    for (const socket of [phone, again])
      expect(socket?.events()).toEqual([{ event: 'device_queue', data: { head: 7 } }]);
    expect(laptop?.events()).toEqual([{ event: 'keys_low', data: { epoch: 1, one_time: 2, kem: 3 } }]);
    expect(namesake.events()).toEqual([]);
  });
});
