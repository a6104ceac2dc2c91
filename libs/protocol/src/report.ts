import * as z from 'zod';
import { base64Field, channelIdField, textUpTo } from './fields.js';
import { MAX_MESSAGE_BYTES, signedMessageSchema, utf8Length } from './messages.js';
import { evidenceTypeField } from './trust.js';

/** Reports of messages that whoever judges them can verify (§10.2 `evidence`, profile §6). */

/** A message as it is stored, which names its channel; what nodes added may be there, and is not looked at. */
const storedMessage = signedMessageSchema
  .extend({ channel_id: channelIdField })
  .refine((message) => utf8Length(JSON.stringify(message)) <= MAX_MESSAGE_BYTES, {
    error: `longer than ${MAX_MESSAGE_BYTES} bytes`,
  });
export type StoredMessage = z.infer<typeof storedMessage>;

/** Base64 of the 32 bytes of one message's conversation key: it opens this message and no other (profile §5). */
const messageKeyField = base64Field.min(43).max(44);

/**
 * What shows to everybody who has the author's device log what he wrote: the message with his signature and, where it is encrypted, its
 * key. Also `proof` in the evidence of a decision.
 */
export const messageProof = z.looseObject({ message: storedMessage, key: messageKeyField.optional() });
export type MessageProof = z.infer<typeof messageProof>;

/** `POST /api/v1/reports`: a message, for those who run the reporter's own node. */
export const messageReport = messageProof
  .extend({
    channel_id: channelIdField,
    /** As `type` of an evidence. */
    reason: evidenceTypeField,
    /** In the reporter's words. */
    note: textUpTo(500).optional(),
  })
  .refine(({ channel_id, message }) => message.channel_id === channel_id, {
    error: 'of another channel',
    path: ['message', 'channel_id'],
  });
export type MessageReport = z.infer<typeof messageReport>;
