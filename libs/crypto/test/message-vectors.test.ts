/**
 * Recomputes the vectors of message sealing, padding, sender keys, safety numbers and sealed state. They were made by a second implementation in
 * another language from the descriptions in this package; here every byte has to come out again.
 */
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  fromHex,
  messageKey,
  openMessage,
  openState,
  packContent,
  ReceivedSenderKey,
  safetyNumber,
  sealMessage,
  sealState,
  SenderKey,
  toHex,
  unpackContent,
} from '../src/index.js';
import { ready } from '../src/index.node.js';
import { useRandom } from '../src/random-source.js';
import { withDraws } from './draws.js';
import { messagePadding, messageSeal, safetyNumbers, sealedState, senderKey } from './session-vectors.js';

beforeAll(ready);
afterEach(() => useRandom());

describe('vectors/message-seal.json', () => {
  it.each(messageSeal.messages)('[DCP-A-04] the message under nonce $nonce', (vector) => {
    const [key, aad, plaintext] = [vector.conversation_key, vector.additional_data, vector.plaintext].map(fromHex) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const sealed = withDraws([vector.nonce], () => sealMessage(key, plaintext, aad));
    expect([toHex(sealed.nonce), toHex(sealed.ciphertext)]).toEqual([vector.nonce, vector.ciphertext]);
    expect(toHex(messageKey(key, sealed.nonce).reveal())).toBe(vector.message_key);
    expect(openMessage(key, sealed.nonce, fromHex(vector.ciphertext), aad)).toEqual(plaintext);
  });
});

describe('vectors/message-padding.json', () => {
  it.each(messagePadding.opens)('[DCP-12.4-05] $name', ({ content, padded, codec }) => {
    expect(toHex(unpackContent(fromHex(padded)))).toBe(content);
    expect(packContent(fromHex(content))).toHaveLength(padded.length / 2);
    if (codec === undefined) expect(toHex(packContent(fromHex(content)))).toBe(padded);
  });

  it.each(messagePadding.refused)('refuses: $name', ({ padded }) => {
    expect(() => unpackContent(fromHex(padded))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });
});

describe('vectors/sender-key.json', () => {
  const { key_id, now, chain_key, steps } = senderKey;

  it('[DCP-6.3-04] the chain, from the receiving side', () => {
    const start = { keyId: key_id, n: 0, chainKey: fromHex(chain_key) };
    for (const { n, conversation_key } of steps) {
      expect(ReceivedSenderKey.from(start, now).open(n, now, toHex)).toBe(conversation_key);
    }
  });

  it('[DCP-6.3-04] the chain, from the sending side', () => {
    const key = SenderKey.deserialize(fromHex(senderKey.own_serialised));
    expect([key.keyId, key.created, key.n]).toEqual([key_id, now, 2]);
    expect(toHex(key.serialize())).toBe(senderKey.own_serialised);
    for (const { n, chain_key: chain, conversation_key } of steps.filter((step) => step.n >= 2)) {
      while (key.n < n) key.next();
      expect(toHex(key.start().chainKey)).toBe(chain);
      expect(toHex(key.next().conversationKey)).toBe(conversation_key);
    }
  });

  it('the serialised form of the receiving side', () => {
    const key = ReceivedSenderKey.from({ keyId: key_id, n: 0, chainKey: fromHex(chain_key) }, now);
    for (const n of [3, 1]) key.open(n, now, () => undefined);
    expect(toHex(key.serialize())).toBe(senderKey.received_serialised);
    const again = ReceivedSenderKey.deserialize(fromHex(senderKey.received_serialised));
    expect(again.open(2, now, toHex)).toBe(steps[2]?.conversation_key);
  });
});

describe('vectors/safety-number.json', () => {
  it.each(safetyNumbers.numbers)('$safety_number', ({ parties, safety_number }) => {
    const [a, b] = parties.map(({ user_id, identity_key }) => ({
      userId: user_id,
      identityKey: fromHex(identity_key),
    }));
    if (a === undefined || b === undefined) throw new Error('two parties');
    expect([safetyNumber(a, b), safetyNumber(b, a)]).toEqual([safety_number, safety_number]);
  });
});

describe('vectors/sealed-state.json', () => {
  it.each(sealedState.states)('the context "$context"', ({ key, context, state, nonce, sealed }) => {
    expect(toHex(withDraws([nonce], () => sealState(fromHex(key), context, fromHex(state))))).toBe(sealed);
    expect(toHex(openState(fromHex(key), context, fromHex(sealed)))).toBe(state);
  });
});
