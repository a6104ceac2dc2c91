/** vectors/disclosed-key.json, made by a second implementation; and what a reporter who lies could try. */
import { beforeAll, describe, expect, it } from '@jest/globals';
import {
  discloseMessageKey,
  fromHex,
  fromUtf8,
  openDisclosed,
  ReceivedSenderKey,
  toHex,
  toUtf8,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { disclosedKey } from './session-vectors.js';

beforeAll(ready);

const NOW = 1_800_000_000_000;
type Vector = (typeof disclosedKey.messages)[number];
const [first, later] = disclosedKey.messages as [Vector, Vector];
const startOf = ({ start }: Vector) => ({
  keyId: disclosedKey.key_id,
  n: start.n,
  chainKey: fromHex(start.chain_key),
});
const bodyOf = ({ nonce, ciphertext, additional_data }: Vector) => ({
  nonce: fromHex(nonce),
  ciphertext: fromHex(ciphertext),
  additionalData: fromHex(additional_data),
});
const keyOf = (vector: Vector) => fromHex(vector.conversation_key);
const refusal = (code: string) => expect.objectContaining({ code });

describe('vectors/disclosed-key.json', () => {
  it.each(disclosedKey.messages)('[DCP-6.3-04] $name', (vector) => {
    const key = discloseMessageKey(startOf(vector), vector.frame.n);
    expect(toHex(key)).toBe(vector.conversation_key);
    expect(toHex(openDisclosed(key, bodyOf(vector)))).toBe(vector.content);
  });
});

describe('a disclosed key', () => {
  it('is derived without touching the chain: a live key still opens its messages', () => {
    const start = startOf(first);
    const live = ReceivedSenderKey.from(start, NOW);
    const before = toHex(live.serialize());
    const disclosed = discloseMessageKey(start, 7);
    expect(toHex(start.chainKey)).toBe(first.start.chain_key);
    expect(toHex(live.serialize())).toBe(before);
    expect(live.open(7, NOW, toHex)).toBe(toHex(disclosed));
  });

  it('is none before the start, nor beyond a chain', () => {
    for (const n of [later.start.n - 1, -1, 1.5, 1001])
      expect(() => discloseMessageKey(startOf(later), n)).toThrow(refusal('malformed'));
  });

  it('opens no other message, and no other key opens this one', () => {
    const others = disclosedKey.messages.filter(({ name }) => name !== first.name);
    for (const other of others) {
      expect(() => openDisclosed(keyOf(first), bodyOf(other))).toThrow(refusal('decryption_failed'));
      expect(() => openDisclosed(keyOf(other), bodyOf(first))).toThrow(refusal('decryption_failed'));
    }
    const flipped = keyOf(first).map((byte, at) => (at === 31 ? byte ^ 1 : byte));
    expect(() => openDisclosed(flipped, bodyOf(first))).toThrow(refusal('decryption_failed'));
    expect(() => openDisclosed(keyOf(first).slice(1), bodyOf(first))).toThrow(refusal('invalid_length'));
  });

  it('opens nothing of which a byte was changed, or the end was cut', () => {
    const body = bodyOf(first);
    const changed = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const spoilt = [
      ...[0, 100, body.ciphertext.length - 1].map((at) => ({ ...body, ciphertext: changed(body.ciphertext, at) })),
      { ...body, nonce: changed(body.nonce, 0) },
      { ...body, nonce: body.nonce.slice(1) },
      ...[1, 16, 256].map((count) => ({ ...body, ciphertext: body.ciphertext.slice(0, -count) })),
      { ...body, ciphertext: new Uint8Array(0) },
    ];
    for (const one of spoilt) expect(() => openDisclosed(keyOf(first), one)).toThrow(refusal('decryption_failed'));
  });

  it('opens nothing that is shown under another id, author or channel', () => {
    const said = fromUtf8(bodyOf(first).additionalData);
    for (const [from, to] of [
      [first.frame.id, later.frame.id],
      ['mallory', 'alice'],
      ['ch_abc', 'ch_xyz'],
    ] as const) {
      const additionalData = toUtf8(said.replace(from, to));
      expect(toHex(additionalData)).not.toBe(first.additional_data);
      const replayed = { ...bodyOf(first), additionalData };
      expect(() => openDisclosed(keyOf(first), replayed)).toThrow(refusal('decryption_failed'));
    }
  });
});
