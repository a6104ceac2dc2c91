import { PEER_KINDS } from '@dcp/contracts';
import { describe, expect, it } from '@jest/globals';
import { mayAsk, mayBeAsked } from './allowed-kinds.js';

describe('what a node may ask', () => {
  it('[DCP-10.3-03] a blocked one nothing', () => {
    for (const kind of PEER_KINDS) expect(mayAsk('blocked', kind, { change: 'open_dm' })).toBe(false);
  });

  it('trusted and monitored ones everything', () => {
    for (const kind of PEER_KINDS)
      for (const level of ['trusted', 'monitored'] as const) expect(mayAsk(level, kind, {})).toBe(true);
  });

  it('[DCP-10.3-04] an unknown one what a direct message needs', () => {
    expect(mayAsk('unknown', 'send_keys', {})).toBe(true);
    expect(mayAsk('unknown', 'channel_change', { change: 'open_dm' })).toBe(true);
    expect(mayAsk('unknown', 'channel_change', { change: 'join' })).toBe(false);
    expect(mayAsk('unknown', 'channel_change', { change: 'state' })).toBe(true);
    expect(mayAsk('unknown', 'channel_notice', {})).toBe(false);
    expect(mayAsk('unknown', 'route_message', {})).toBe(false);
    expect(mayAsk('unknown', 'trust_update', {})).toBe(false);
  });

  it('users turn to nodes that nobody has rated; moderation is not shared with those, and nothing with blocked ones', () => {
    expect(mayBeAsked('unknown', 'channel_change')).toBe(true);
    expect(mayBeAsked('unknown', 'trust_head')).toBe(false);
    for (const kind of PEER_KINDS) {
      expect(mayBeAsked('blocked', kind)).toBe(false);
      for (const level of ['trusted', 'monitored'] as const) expect(mayBeAsked(level, kind)).toBe(true);
    }
  });
});
