import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DcpError } from './errors.js';
import {
  type Closing,
  closes,
  closingSchema,
  endBefore,
  type Handover,
  handoverInput,
  handoverRecord,
  handoverSchema,
  MAX_HANDOVERS,
  MAX_VOID,
} from './handover.js';
import { homeAfter } from './home-after.js';

const hashOf = (bytes: Uint8Array) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const channel = `ch_${'a'.repeat(52)}`;
const genesis = { home_node: 'aaaaaaaa', creator: 'aaaaaaaa.alice-x' };
const first: Handover = {
  channel_id: channel,
  epoch: 2,
  from_node: 'aaaaaaaa',
  to_node: 'bbbbbbbb',
  kind: 'given',
  prev: null,
  issued: '2026-01-01T00:00:00.000Z',
  author: genesis.creator,
  device: 'dev_aaaaaaaaaaaaaaaa',
  signature: 'ed25519:AAAA',
};
const after = (before: Handover, to_node: string, changes: Partial<Handover> = {}): Handover => ({
  ...first,
  epoch: before.epoch + 1,
  from_node: before.to_node,
  to_node,
  prev: hashOf(handoverInput(before)),
  ...changes,
});
const reasonOf = (...chain: Handover[]): unknown => {
  try {
    return homeAfter(channel, genesis, chain, hashOf).home;
  } catch (error) {
    return error instanceof DcpError ? error.details['reason'] : error;
  }
};

describe('the home of a channel', () => {
  it('is the one of its genesis, until hand-overs lead to another, and back', () => {
    expect(homeAfter(channel, genesis, [], hashOf)).toEqual({ home: 'aaaaaaaa', epoch: 1, head: null });
    const back = after(first, 'aaaaaaaa');
    const chain = [first, back, after(back, 'cccccccc')];
    expect(homeAfter(channel, genesis, chain, hashOf)).toEqual({
      home: 'cccccccc',
      epoch: 4,
      head: hashOf(handoverInput(chain[2] as Handover)),
    });
  });

  it('is moved by nobody but the owner, and from nowhere but the home before', () => {
    expect(reasonOf({ ...first, author: 'bbbbbbbb.bob-x' })).toBe('handover_author');
    expect(reasonOf({ ...first, channel_id: `ch_${'b'.repeat(52)}` })).toBe('handover_chain');
    expect(reasonOf({ ...first, from_node: 'cccccccc' })).toBe('handover_chain');
    expect(reasonOf({ ...first, to_node: 'aaaaaaaa' })).toBe('handover_chain');
    expect(reasonOf({ ...first, epoch: 3 })).toBe('handover_chain');
    expect(reasonOf({ ...first, prev: hashOf(new Uint8Array()) })).toBe('handover_chain');
    expect(reasonOf(first, after(first, 'cccccccc', { prev: null }))).toBe('handover_chain');
    expect(reasonOf(first, after(first, 'cccccccc', { from_node: 'aaaaaaaa' }))).toBe('handover_chain');
    expect(reasonOf(first, first)).toBe('handover_chain');
  });

  it('a hand-over is named by what was signed, and by nothing else', () => {
    expect(hashOf(handoverInput({ ...first, signature: 'ed25519:BBBB' }))).toBe(hashOf(handoverInput(first)));
    for (const changed of [{ via: 'b.example' }, { to_node: 'cccccccc' }, { issued: '2026-01-01T00:00:01.000Z' }]) {
      expect(hashOf(handoverInput({ ...first, ...changed }))).not.toBe(hashOf(handoverInput(first)));
    }
  });

  it('moves a bounded number of times', () => {
    const chain = [first];
    while (chain.length <= MAX_HANDOVERS) {
      const last = chain.at(-1) as Handover;
      chain.push(after(last, last.from_node));
    }
    expect(reasonOf(...chain.slice(0, MAX_HANDOVERS))).toBe('aaaaaaaa');
    expect(reasonOf(...chain)).toBe('too_many_handovers');
  });

  it('closes what it gives up: this channel, this epoch, for this node', () => {
    const closing: Closing = {
      channel_id: channel,
      epoch: 1,
      last_seq: 7,
      to_node: 'bbbbbbbb',
      signature: 'ed25519:AAAA',
    };
    expect(closes(closingSchema.parse(closing), first)).toBe(true);
    for (const other of [{ epoch: 2 }, { to_node: 'cccccccc' }, { channel_id: `ch_${'b'.repeat(52)}` }]) {
      expect(closes({ ...closing, ...other }, first)).toBe(false);
    }
  });

  it('a lost home says nothing: its owner says what is kept, and which numbers nobody gets again', () => {
    const lost: Handover = { ...first, kind: 'lost', last_seq: 7, void_to: 1_007 };
    const closing = { channel_id: channel, epoch: 1, last_seq: 9, to_node: 'bbbbbbbb', signature: 'ed25519:AAAA' };
    expect(endBefore(handoverRecord.parse({ handover: lost }))).toBe(7);
    expect(endBefore(handoverRecord.parse({ handover: first, closing }))).toBe(9);
    expect(handoverRecord.safeParse({ handover: lost, closing }).success).toBe(false);
    expect(handoverRecord.safeParse({ handover: first }).success).toBe(false);
    expect(reasonOf(lost, after(lost, 'cccccccc'))).toBe('cccccccc');
    expect(handoverSchema.safeParse({ ...lost, last_seq: 0, void_to: MAX_VOID }).success).toBe(true);
    for (const changed of [
      { void_to: 7 },
      { void_to: 8 + MAX_VOID },
      { void_to: undefined },
      { last_seq: undefined },
      { last_seq: -1 },
      { kind: 'given' },
    ]) {
      expect(handoverSchema.safeParse({ ...lost, ...changed }).success).toBe(false);
    }
  });

  it('shapes: the first epoch is nobody’s to give, and every member is checked', () => {
    expect(handoverSchema.safeParse(first).success).toBe(true);
    expect(handoverSchema.safeParse({ ...first, via: 'b.example', later: 1 }).success).toBe(true);
    for (const changed of [
      { epoch: 1 },
      { epoch: 2.5 },
      { kind: 'taken' },
      { to_node: 'nowhere' },
      { prev: 'x' },
      { issued: 'today' },
      { author: 'alice' },
      { device: 'phone' },
      { via: 'x'.repeat(256) },
      { signature: 'none' },
      { more: 'x'.repeat(2_048) },
    ]) {
      expect(handoverSchema.safeParse({ ...first, ...changed }).success).toBe(false);
    }
    for (const changed of [{ last_seq: -1 }, { last_seq: 2 ** 60 }, { epoch: 0 }]) {
      const closing = { channel_id: channel, epoch: 1, last_seq: 0, to_node: 'bbbbbbbb', signature: 'ed25519:AAAA' };
      expect(closingSchema.safeParse(closing).success).toBe(true);
      expect(closingSchema.safeParse({ ...closing, ...changed }).success).toBe(false);
    }
  });
});
