import { describe, expect, it } from '@jest/globals';
import { checkRecords, type DeviceRecord, type Heard, type Said, type Stay } from './sealed-record.js';

const CHANNEL = 'ch_room';
const said: Said[] = [2, 3, 4].map((seq) => ({ id: `m${seq}`, channelId: CHANNEL, seq, text: `text ${seq}` }));

const heard = (seq: number, more: Partial<Heard> = {}): Heard => ({
  channelId: CHANNEL,
  seq,
  id: `m${seq}`,
  text: `text ${seq}`,
  life: 0,
  ...more,
});

interface Rules {
  stays?: Stay[];
  follows?: number[];
  ended?: number;
}

function rules(entries: Heard[], { stays = [{ from: 1, to: Infinity }], follows = [1], ended }: Rules = {}): string[] {
  const device: DeviceRecord = {
    name: 'alice/1',
    userId: 'alice',
    heard: entries,
    follows: follows.map((after) => ({ channelId: CHANNEL, after })),
    ...(ended === undefined ? {} : { ended }),
  };
  const all = new Map<string, Map<string, Stay[]>>([[CHANNEL, new Map([['alice', stays]])]]);
  return checkRecords(said, [device], all).map(({ rule }) => rule);
}

describe('checkRecords', () => {
  it('has nothing against a device that read everything', () => {
    expect(rules([heard(2), heard(3), heard(4)])).toEqual([]);
  });

  it('finds what was never heard, and what could not be read', () => {
    expect(rules([heard(2), heard(4)])).toEqual(['lost']);
    expect(rules([heard(2), heard(3, { text: undefined, fault: 'no_key' }), heard(4)])).toEqual(['unread']);
    expect(rules([heard(3), heard(4)])).toEqual(['lost']);
  });

  it('finds other words and other places', () => {
    expect(rules([heard(2), heard(3, { text: 'other' }), heard(4)])).toEqual(['altered']);
    expect(rules([heard(2), heard(3), heard(4), heard(5, { id: 'm4' })])).toEqual(['altered']);
    expect(rules([heard(2), heard(3), heard(4), heard(5, { id: 'made up' })])).toEqual(['altered']);
  });

  it('finds what came twice or out of order, but not what a new life hears again', () => {
    expect(rules([heard(2), heard(3), heard(3), heard(4)])).toEqual(['twice']);
    expect(rules([heard(2), heard(4), heard(3)])).toEqual(['order']);
    expect(rules([heard(2), heard(3), heard(3, { life: 1 }), heard(4, { life: 1 })])).toEqual([]);
  });

  it('finds what somebody read who was no member', () => {
    expect(rules([heard(2), heard(3), heard(4)], { stays: [{ from: 1, to: 4 }] })).toEqual(['leaked']);
    expect(rules([heard(2)], { stays: [] })).toEqual(['leaked']);
  });

  it('a message that a device was told of and cannot read is missing, from wherever it follows', () => {
    const noKey = { text: undefined, fault: 'no_key' };
    expect(rules([heard(2, noKey), heard(3), heard(4)], { follows: [2] })).toEqual(['unread']);
    expect(rules([heard(2, noKey), heard(2, { life: 1 }), heard(3, { life: 1 }), heard(4, { life: 1 })])).toEqual([]);
    expect(rules([heard(2, noKey)], { stays: [] })).toEqual([]);
  });

  it('asks of a device only what came while it followed', () => {
    expect(rules([heard(3), heard(4)], { follows: [2] })).toEqual([]);
    expect(rules([heard(3), heard(4)], { follows: [] })).toEqual([]);
    expect(rules([], { stays: [{ from: 1, to: 4 }] })).toEqual([]);
    expect(rules([heard(2), heard(3)], { ended: 2 })).toEqual([]);
    expect(rules([heard(2), heard(4)], { ended: 1 })).toEqual([]);
    expect(rules([heard(2), heard(4)], { ended: 2 })).toEqual(['lost']);
    expect(rules([heard(2)])).toEqual(['lost', 'lost']);
  });
});
