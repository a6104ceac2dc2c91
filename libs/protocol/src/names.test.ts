import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DcpError } from './errors.js';
import {
  channelNameFault,
  checkNewChannelName,
  formatUserId,
  NODE_ID,
  parentChannelName,
  parseChannelReference,
  parseUserId,
} from './names.js';

describe('channel names (§9.1)', () => {
  it('[DCP-9.1-01] begin with #', () => {
    expect(channelNameFault('general')).toBe('must_start_with_hash');
    expect(channelNameFault('#general')).toBeUndefined();
  });

  it.each(['#a//b', '#a/', '#/a', '#', '#/'])('[DCP-9.1-02] %s has an empty level', (name) => {
    expect(channelNameFault(name)).toBe('empty_level');
  });

  it.each(['#General', '#a b', '#ä', '#a.b', '##a', '#a#', '#a@b', '#a\n', '#é', '#a\u0000'])(
    '[DCP-9.1-03] %j has a character that is not allowed',
    (name) => {
      expect(channelNameFault(name)).toBe('invalid_character');
    },
  );

  it('[DCP-9.1-04] have at most five levels', () => {
    expect(channelNameFault('#a/b/c/d/e')).toBeUndefined();
    expect(channelNameFault('#a/b/c/d/e/f')).toBe('too_deep');
  });

  it('[DCP-9.1-05] have at most 100 characters, # counted', () => {
    expect(channelNameFault(`#${'a'.repeat(99)}`)).toBeUndefined();
    expect(channelNameFault(`#${'a'.repeat(100)}`)).toBe('too_long');
  });

  it('keep the branches of the protocol from users', () => {
    for (const name of ['#dm/abc', '#dm', '#sys', '#sys/x']) expect(() => checkNewChannelName(name)).toThrow(DcpError);
    expect(() => checkNewChannelName('#dmx')).not.toThrow();
  });

  it('name their parent', () => {
    expect(parentChannelName('#development/rust-help')).toBe('#development');
    expect(parentChannelName('#general')).toBeUndefined();
  });

  it('[DCP-9.1-03] nothing but the alphabet passes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), (text) => {
        const name = `#${text}`;
        const good = /^#[a-z0-9_-]+(\/[a-z0-9_-]+){0,4}$/.test(name) && !name.includes('\n');
        expect(channelNameFault(name) === undefined).toBe(good);
      }),
    );
  });
});

describe('channel references', () => {
  it('are names with or without #, with a node, or ids', () => {
    const id = `ch_${'a2'.repeat(26)}`;
    expect(parseChannelReference(id)).toEqual({ channelId: id });
    expect(parseChannelReference('development/rust-help')).toEqual({ name: '#development/rust-help' });
    expect(parseChannelReference('#general@a7f3k9m2')).toEqual({ name: '#general', nodeId: 'a7f3k9m2' });
    for (const bad of ['#general@x', '#a@b@c', '#A', '']) expect(() => parseChannelReference(bad)).toThrow(DcpError);
  });
});

describe('user ids (§2)', () => {
  it('[DCP-2-04] are {node}.{username}, split at the first dot', () => {
    expect(parseUserId('a7f3k9m2.alice-river-7x9k')).toEqual({ nodeId: 'a7f3k9m2', username: 'alice-river-7x9k' });
    expect(formatUserId('a7f3k9m2', 'alice-river-7x9k')).toBe('a7f3k9m2.alice-river-7x9k');
  });

  it.each([
    'alice',
    'a7f3k9m.alice',
    'a7f3k9m22.alice',
    'A7F3K9M2.alice',
    'a7f3k9m2.Alice',
    'a7f3k9m2.al',
    'a7f3k9m2.-al',
    'a7f3k9m2.a.b',
    'a7f3k9m2.alice\n',
  ])('[DCP-2-03] [DCP-2-04] %j is none', (text) => {
    expect(() => parseUserId(text)).toThrow(DcpError);
  });

  it('[DCP-2-03] node ids have eight characters', () => {
    for (const bad of ['a7f3k9m', 'a7f3k9m22', 'a7f3k9m!', 'A7F3K9M2', 'a7f3k9m2\n'])
      expect(NODE_ID.test(bad)).toBe(false);
  });
});
