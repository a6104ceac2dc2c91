import type { Bus } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { describe, expect, it } from '@jest/globals';
import { testConnection } from '../../test/test-connection.js';
import type { Hub } from '../fanout/hub.js';
import { Room } from '../fanout/room.js';
import { departuresOf, enterRoom } from './enter-room.js';

const CHANNEL = { channel_id: 'ch_x', name: '#x' };

/** A room that takes its time to open; `ask` answers for the membership. */
function tools(room: Room, meanwhile: () => void, ask: () => void) {
  let asked = 0;
  const bus = {
    request: async () => {
      asked++;
      ask();
    },
  } as unknown as Bus;
  const hub = {
    open: async () => {
      meanwhile();
      return room;
    },
  } as unknown as Hub;
  return { bus, hub, asked: () => asked };
}

describe('enterRoom', () => {
  const roomAt = (lastSeq: number) => Object.assign(new Room('ch_x', '#x'), { lastSeq });

  it('asks nobody when nothing happened meanwhile', async () => {
    const { connection } = testConnection();
    const house = tools(
      roomAt(4),
      () => undefined,
      () => undefined,
    );
    expect(await enterRoom(connection, CHANNEL, departuresOf(connection.user), house)).toBe(4);
    expect(house.asked()).toBe(0);
  });

  it('[DCP-9.3-01] whoever is put out while his answer is on its way does not come in', async () => {
    const { connection, user } = testConnection();
    const room = roomAt(4);
    const refuse = () => {
      throw new DcpError('CHANNEL_NOT_FOUND');
    };
    const house = tools(room, () => void user.departures++, refuse);
    await expect(enterRoom(connection, CHANNEL, departuresOf(user), house)).rejects.toThrow(DcpError);
    expect(room.connections.size).toBe(0);
  });

  it('asks until nothing has changed behind the last answer', async () => {
    const { connection, user } = testConnection();
    const house = tools(
      roomAt(4),
      () => void user.departures++,
      () => {
        if (user.departures < 3) user.departures++;
      },
    );
    expect(await enterRoom(connection, CHANNEL, 0, house)).toBe(4);
    expect(house.asked()).toBe(3);
  });
});
