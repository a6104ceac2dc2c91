import { describe, expect, it } from '@jest/globals';
import { type DcpLink, formatLink, parseLink } from './links.js';

const CHANNEL = `ch_${'a'.repeat(52)}`;
const SECRET = 'A'.repeat(43);

describe('links', () => {
  it.each<DcpLink>([
    { kind: 'channel', channelId: CHANNEL, via: 'chat.example.com' },
    { kind: 'channel', channelId: CHANNEL, via: '127.0.0.1:8008', secret: SECRET },
    { kind: 'channel', channelId: CHANNEL, via: '[::1]:8008' },
    { kind: 'user', userId: 'k7x9m2p8.anna-7x9k', via: 'wss://chat.example.com/x y' },
  ])('read back what was written: %j', (link) => {
    expect(parseLink(formatLink(link))).toEqual(link);
  });

  it.each([
    '',
    'https://example.com/',
    `dcp://join/${CHANNEL}`,
    `dcp://join/${CHANNEL}?via=`,
    `dcp://join/${CHANNEL}x?via=a`,
    `dcp://join/${CHANNEL}?via=a#short`,
    `dcp://join/${CHANNEL}?via=a&via=b`,
    `dcp://join/${CHANNEL}?via=%`,
    `dcp://join/${CHANNEL}?via=${'a'.repeat(256)}`,
    `dcp://user/${CHANNEL}?via=a`,
    `dcp://user/k7x9m2p8.anna?via=a#${SECRET}`,
    `dcp://open/${CHANNEL}?via=a`,
    `dcp://join/${CHANNEL}?via=a\n`,
  ])('refuse %j', (text) => {
    expect(() => parseLink(text)).toThrow(expect.objectContaining({ code: 'INVALID_MESSAGE_FORMAT' }));
  });
});
