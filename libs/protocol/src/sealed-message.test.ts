import { describe, expect, it } from '@jest/globals';
import { readSealedContent, sealedAdditionalData, sealedFrameOf } from './sealed-message.js';

const device = 'dev_abcdefghijklmnop';
const encryption = { algorithm: 'chacha20-poly1305', key_id: 'sk_1', device, epoch: 4, n: 0 };
const message = {
  id: 'msg_7fk2m9x4b6q8n3w5',
  type: 'text',
  timestamp: '2026-01-02T03:04:05.678Z',
  author: 'b8x1n5p4.mallory',
  device,
  channel_id: `ch_${'a'.repeat(52)}`,
  encryption,
};

describe('a sealed message', () => {
  it('is bound to ten members, in the order of JCS', () => {
    const frame = sealedFrameOf({ ...message, encryption: { ...encryption } });
    expect(frame && Object.keys(JSON.parse(sealedAdditionalData(frame)) as object)).toEqual([
      'algorithm',
      'author',
      'channel_id',
      'device',
      'epoch',
      'id',
      'key_id',
      'n',
      'timestamp',
      'type',
    ]);
  });

  it('is none without one of them, or under the key of another device', () => {
    for (const changes of [{ algorithm: 'none' }, { device: undefined }, { epoch: undefined }, { n: undefined }])
      expect(sealedFrameOf({ ...message, encryption: { ...encryption, ...changes } })).toBeUndefined();
    expect(sealedFrameOf({ ...message, device: undefined })).toBeUndefined();
    expect(sealedFrameOf({ ...message, device: 'dev_other' })).toBeUndefined();
  });

  it('says its content and, beside it, its heads', () => {
    expect(readSealedContent('{"heads":"AAAA","text":"hi"}')).toEqual({ content: { text: 'hi' }, heads: 'AAAA' });
    expect(readSealedContent('{}')).toEqual({ content: {}, heads: '' });
    for (const text of ['', '1', 'null', '[]', '{"a":1,"a":2}']) expect(() => readSealedContent(text)).toThrow();
  });
});
