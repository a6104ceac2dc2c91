import { type AudienceChannel, CHANNEL } from '@dcp/contracts';
import { createInProcessBus } from '@dcp/node-kit';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Audience } from './audience.js';

const [ROOM, OTHER, NODE] = ['ch_room', 'ch_other', 'bbbb2222'];

describe('the audience of the channels of a node', () => {
  let audience: Audience;
  let channels: AudienceChannel[];
  /** Between the reading of a list and its arrival. */
  let meanwhile: () => void;

  const channel = (channel_id: string, last_seq: number): AudienceChannel => ({
    channel_id,
    last_seq,
    home_epoch: 1,
    begun: 0,
    nodes: [{ node_id: NODE, since: 1 }],
  });

  beforeEach(async () => {
    const bus = createInProcessBus({ freeze: true });
    channels = [channel(ROOM, 5)];
    meanwhile = () => undefined;
    bus.serve(
      CHANNEL.audience,
      ({ channel_id }) => {
        const told = channels.filter((one) => channel_id === undefined || one.channel_id === channel_id);
        meanwhile();
        return { channels: structuredClone(told) };
      },
      'channel',
    );
    await bus.flush();
    audience = new Audience(bus);
  });

  it.each([
    ['all channels', () => audience.scan()],
    ['one', () => audience.refresh(ROOM)],
  ])('knows of entries that were committed while the list of %s was on its way', async (_, read) => {
    meanwhile = () => audience.moved(ROOM, 8);
    await read();
    expect(audience.lastSeq(ROOM, NODE)).toBe(8);
    meanwhile = () => audience.moved(ROOM, 9);
    await read();
    expect(audience.lastSeq(ROOM, NODE)).toBe(9);
    expect(audience.channelsOf(NODE)).toEqual([ROOM]);
  });

  it('forgets channels that nobody hears any more, and what was told of them', async () => {
    channels.push(channel(OTHER, 3));
    await audience.scan();
    expect(audience.channelsOf(NODE)).toEqual([ROOM, OTHER]);
    channels.pop();
    meanwhile = () => audience.moved(OTHER, 4);
    await audience.refresh(OTHER);
    expect([audience.channelsOf(NODE), audience.nodesOf(OTHER), audience.lastSeq(OTHER, NODE)]).toEqual([
      [ROOM],
      [],
      0,
    ]);
    channels.length = 0;
    await audience.scan();
    expect(audience.nodes()).toEqual([]);
  });

  it('believes a list that has less than it knew: the database was restored', async () => {
    await audience.scan();
    channels[0] = channel(ROOM, 2);
    await audience.scan();
    expect(audience.lastSeq(ROOM, NODE)).toBe(2);
  });

  it('keeps what it has when the list does not come', async () => {
    await audience.scan();
    meanwhile = () => {
      throw new Error('no database');
    };
    await expect(audience.refresh(ROOM)).rejects.toThrow();
    audience.moved(ROOM, 6);
    expect(audience.lastSeq(ROOM, NODE)).toBe(6);
  });
});
