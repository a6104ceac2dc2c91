import { describe, expect, it } from '@jest/globals';
import type { Entry } from '@dcp/contracts';
import fc from 'fast-check';
import { testConnection } from '../../test/test-connection.js';
import { LocalUser } from '../users/local-user.js';
import { Room } from './room.js';

const CHANNEL = 'ch_test';

const entry = (seq: number, author = 'n0000000.alice'): Entry => ({
  seq,
  id: `msg_${seq}`,
  type: 'text',
  author,
  received_at: '2026-01-01T00:00:00.000Z',
  body: JSON.stringify({ author, id: `msg_${seq}`, type: 'text' }),
});

const batch = (...seqs: number[]) => ({ channel_id: CHANNEL, name: '#x', entries: seqs.map((seq) => entry(seq)) });

const roomAt = (lastSeq: number) => {
  const room = new Room(CHANNEL, '#x');
  room.lastSeq = lastSeq;
  return room;
};

describe('Room', () => {
  it('drops what it had, delivers what is next, and says when something is missing', () => {
    const room = roomAt(3);
    const viewer = testConnection();
    room.enter(viewer.connection);
    expect(room.accept(batch(2, 3, 4))).toBe(false);
    expect(room.accept(batch(6))).toBe(true);
    expect(room.lastSeq).toBe(4);
    expect(room.accept(batch(5))).toBe(false);
    room.flush();
    expect(viewer.seqs()).toEqual([4, 5, 6]);
  });

  it('holds what comes before its head is known', () => {
    const room = roomAt(-1);
    expect(room.accept(batch(8))).toBe(false);
    room.lastSeq = 7;
    expect(room.accept(batch())).toBe(false);
    expect(room.lastSeq).toBe(8);
  });

  it('does not give a newcomer what was there before it came', () => {
    const room = roomAt(0);
    const early = testConnection();
    const late = testConnection();
    room.enter(early.connection);
    room.accept(batch(1));
    expect(room.enter(late.connection)).toBe(1);
    room.accept(batch(2));
    room.flush();
    expect(early.seqs()).toEqual([1, 2]);
    expect(late.seqs()).toEqual([2]);
  });

  it('[DCP-4.1-07] hides a blocked author but keeps the numbers whole', () => {
    const room = roomAt(0);
    const viewer = testConnection({ blocked: ['n0000000.mallory'] });
    room.enter(viewer.connection);
    room.accept({ channel_id: CHANNEL, name: '#x', entries: [entry(1), entry(2, 'n0000000.mallory'), entry(3)] });
    room.flush();
    expect(viewer.events().map(({ event }) => event)).toEqual(['message', 'message_hidden', 'message']);
    expect(viewer.seqs()).toEqual([1, 2, 3]);
  });

  it('a connection that left gets nothing more', () => {
    const room = roomAt(0);
    const viewer = testConnection();
    room.enter(viewer.connection);
    room.leave(viewer.connection);
    room.accept(batch(1));
    room.flush();
    expect(viewer.seqs()).toEqual([]);
    expect(viewer.connection.rooms).toEqual([]);
  });

  it('whatever order, loss or repetition the bus has: every viewer sees each number once, in order', () => {
    const schedule = fc.array(fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }), {
      maxLength: 40,
    });
    fc.assert(
      fc.property(schedule, fc.array(fc.nat(39), { maxLength: 3 }), (batches, entrances) => {
        const room = roomAt(0);
        const viewers: { from: number; seqs(): number[] }[] = [];
        batches.forEach((seqs, step) => {
          if (step === 0 || entrances.includes(step)) {
            const viewer = testConnection();
            viewers.push({ from: room.enter(viewer.connection), seqs: viewer.seqs });
          }
          // A gap is filled from the log, as the hub does it.
          if (room.accept(batch(...seqs.toSorted((a, b) => a - b)))) {
            const missing = Array.from({ length: 30 - room.lastSeq }, (_, i) => room.lastSeq + 1 + i);
            room.accept(batch(...missing.slice(0, 7)));
          }
          if (step % 3 === 0) room.flush();
        });
        room.flush();
        for (const { from, seqs } of viewers) {
          const wanted = Array.from({ length: room.lastSeq - from }, (_, i) => from + 1 + i);
          expect(seqs()).toEqual(wanted);
        }
      }),
    );
  });
});

describe('Room of a DM', () => {
  const named = (room: Room, ...userIds: string[]) =>
    userIds.map((userId) => {
      const viewer = testConnection();
      viewer.connection.user = new LocalUser(userId);
      room.enter(viewer.connection);
      return viewer;
    });
  const channels = (viewer: ReturnType<typeof testConnection>) =>
    viewer.events().map(({ data }) => (data as unknown as { channel: string }).channel);

  it('[DCP-9.2-05] gives each member the frame with the other’s address', () => {
    const room = new Room(CHANNEL, '@n0000000.alice,n0000000.bob');
    room.lastSeq = 0;
    const [alice, bob] = named(room, 'n0000000.alice', 'n0000000.bob') as [
      ReturnType<typeof testConnection>,
      ReturnType<typeof testConnection>,
    ];
    room.accept(batch(1, 2));
    room.flush();
    expect(channels(alice)).toEqual(['@n0000000.bob', '@n0000000.bob']);
    expect(channels(bob)).toEqual(['@n0000000.alice', '@n0000000.alice']);
  });
});
