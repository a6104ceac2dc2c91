import * as z from 'zod';
import { base64Field, channelIdField, deviceIdField, userIdField } from './fields.js';
import { parseJson } from './json.js';
import { parseWith } from './validation.js';

/**
 * What devices tell each other inside their pairwise sessions (profile §5), as JSON. The node carries it and cannot read it. Names are
 * short because a rotation sends one of these to every device of a channel.
 */

const keyId = z.string().regex(/^sk_[a-z2-7]{26}$/, { error: 'not a sender key id' });
const chainIndex = z.number().int().min(0).max(1_000_000);

/** The sender's own sender key, from message `n` on. */
const keyHandOver = z.looseObject({
  t: z.literal('key'),
  channel_id: channelIdField,
  epoch: z.number().int().min(0),
  key_id: keyId,
  n: chainIndex,
  chain: base64Field.max(64),
});

/** Somebody else's sender key: between one user's devices, and from a member who shares the history with a newcomer. */
const keyShare = z.looseObject({
  ...keyHandOver.shape,
  t: z.literal('share'),
  user_id: userIdField,
  device: deviceIdField,
});

/**
 * "I cannot read messages under this key, from its message `n` on": asks whoever has it for it. The message stands at `seq`: that the asker
 * was a member for it is what whoever answers looks up there. `user_id` and `device` name the owner when somebody else is asked.
 */
const keyRequest = z.looseObject({
  t: z.literal('ask'),
  channel_id: channelIdField,
  key_id: keyId,
  n: chainIndex,
  seq: z.number().int().min(1),
  user_id: userIdField.optional(),
  device: deviceIdField.optional(),
});

/** The owner will not, for good: the asker was no member then. */
const keyRefusal = z.looseObject({ t: z.literal('deny'), channel_id: channelIdField, key_id: keyId });

/** Nothing: turns the ratchet, or begins a session anew. */
const ping = z.looseObject({ t: z.literal('ping') });

export const keyPayload = z.discriminatedUnion('t', [keyHandOver, keyShare, keyRequest, keyRefusal, ping]);
export type KeyPayload = z.infer<typeof keyPayload>;
export type KeyHandOver = z.infer<typeof keyHandOver>;
export type KeyShare = z.infer<typeof keyShare>;

/** Throws INVALID_MESSAGE_FORMAT for anything that is no payload. */
export function parseKeyPayload(text: string): KeyPayload {
  return parseWith(keyPayload, parseJson(text));
}
