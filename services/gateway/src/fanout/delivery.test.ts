import { describe, expect, it } from '@jest/globals';
import type { Entry } from '@dcp/contracts';
import { readTextFrames } from '../sockets/frames.js';
import { entryFrame } from './delivery.js';

const stored = {
  author: 'n0000000.alice',
  content: { format: 'plain', text: 'Hi "there" 👋' },
  id: 'msg_1',
  type: 'text',
};

const entry = (more: Partial<Entry> = {}): Entry => ({
  seq: 7,
  id: 'msg_1',
  type: 'text',
  author: stored.author,
  received_at: '2026-01-01T00:00:00.000Z',
  body: JSON.stringify(stored),
  ...more,
});

const events = (one: Entry) =>
  readTextFrames(entryFrame(one, 'ch_x', '#general')).map((text) => JSON.parse(text) as unknown);

describe('entryFrame', () => {
  it('[DCP-7.2-01] is the event of §7.2 around the stored message', () => {
    expect(events(entry())).toEqual([
      {
        event: 'message',
        data: {
          channel: '#general',
          channel_id: 'ch_x',
          seq: 7,
          message: { ...stored, channel: '#general', node: { seq: 7, received_at: '2026-01-01T00:00:00.000Z' } },
        },
      },
    ]);
  });

  it('[DCP-7.2-04] a change of state is a message and a channel_update with the same seq', () => {
    const content = { action: 'user_joined', actor: 'n0000000.bob', details: {}, target: '#general' };
    const [message, update] = events(
      entry({ type: 'system', body: JSON.stringify({ ...stored, type: 'system', content }) }),
    );
    expect(message).toMatchObject({ event: 'message', data: { message: { type: 'system', content } } });
    expect(update).toEqual({
      event: 'channel_update',
      data: {
        action: 'member_joined',
        channel: '#general',
        channel_id: 'ch_x',
        details: { user_id: 'n0000000.bob' },
        seq: 7,
      },
    });
  });

  it.each([
    ['user_invited', 'member_invited', { user_id: 'n0000000.carol', by: 'n0000000.bob' }],
    ['user_removed', 'member_removed', { user_id: 'n0000000.carol', by: 'n0000000.bob' }],
    ['user_banned', 'member_banned', { user_id: 'n0000000.carol', by: 'n0000000.bob' }],
    ['user_unbanned', 'state_changed', { user_id: 'n0000000.carol', by: 'n0000000.bob', change: 'user_unbanned' }],
    ['link_created', 'state_changed', { user_id: 'n0000000.bob', change: 'link_created' }],
  ])('projects %s as %s, and not what its author made up', (action, update, details) => {
    const content = {
      action,
      actor: 'n0000000.bob',
      target: 'n0000000.carol',
      details: { user_id: 'n0000000.eve', x: 1 },
    };
    const [, event] = events(entry({ type: 'system', body: JSON.stringify({ ...stored, type: 'system', content }) }));
    expect(event).toMatchObject({ data: { action: update } });
    expect((event as { data: { details: object } }).data.details).toEqual({ x: 1, ...details });
  });

  it('a wiped entry keeps its number only', () => {
    expect(events(entry({ body: '', author: '' }))).toEqual([
      { event: 'message_hidden', data: { channel: '#general', channel_id: 'ch_x', seq: 7 } },
    ]);
  });
});
