import * as z from 'zod';
import { canonicalJson } from './canonical-json.js';
import { deviceEntrySchema } from './devices.js';
import { DcpError, invalidFormat } from './errors.js';
import {
  base64Field,
  channelIdField,
  channelReferenceField,
  deviceIdField,
  hashField,
  messageIdField,
  messageReferenceField,
  signatureField,
  timeField,
  userIdField,
} from './fields.js';

/** §6.4: the JCS form of a message may have this many bytes; one more is 2001. */
export const MAX_MESSAGE_BYTES = 65_536;
/** §6.4: a live message's clock may differ from the node's by this much, either way. */
export const MAX_CLOCK_SKEW_MS = 5 * 60_000;

/** The parts of a text message's content (§6.2). */
export const textContent = z.looseObject({
  text: z.string(),
  format: z.enum(['plain', 'markdown']),
  mentions: z.array(userIdField).max(1_000).optional(),
  reply_to: messageReferenceField.nullish(),
});

const mediaSize = z.looseObject({
  width: z.number().nonnegative().optional(),
  height: z.number().nonnegative().optional(),
  duration: z.number().nonnegative().optional(),
});

/** §6.2 and §11.2: the reference of a file; `encryption` holds the key, so it travels only inside encrypted content. */
export const mediaReference = z.looseObject({
  hash: hashField,
  filename: z.string().max(255),
  mime_type: z.string().max(127),
  size: z.number().int().nonnegative(),
  media_services: z.array(z.url().max(300)).max(20),
  thumbnail_hash: hashField.optional(),
  metadata: mediaSize.optional(),
});

export const mediaContent = z.looseObject({
  media_refs: z.array(mediaReference).min(1).max(50),
  caption: z.string().optional(),
});

export const voiceContent = z.looseObject({
  media_ref: z.looseObject({
    hash: hashField,
    duration: z.number().nonnegative(),
    codec: z.literal('opus'),
    sample_rate: z.number().int().positive(),
  }),
  transcript: z.string().optional(),
  waveform: z.array(z.number().min(0).max(1)).max(10_000).optional(),
});

export const SYSTEM_ACTIONS = [
  'user_joined',
  'user_left',
  'channel_created',
  'settings_changed',
  'user_invited',
  'invitation_revoked',
  'user_removed',
  'user_banned',
  'user_unbanned',
  'link_created',
  'link_revoked',
] as const;
export type SystemAction = (typeof SYSTEM_ACTIONS)[number];

/** A change of a channel's state, in the log like any other message (§6.2). */
export const systemContent = z.looseObject({
  action: z.enum(SYSTEM_ACTIONS),
  actor: z.string().max(72),
  target: z.string().max(120),
  details: z.record(z.string(), z.unknown()),
});
export type SystemContent = z.infer<typeof systemContent>;

/** Content by message type. `function_call` and `bot_message` are parsed by the services that will run them. */
export const CONTENT_BY_TYPE = {
  text: textContent,
  media: mediaContent,
  voice: voiceContent,
  system: systemContent,
} as const;

/** The types that a member may post; system messages come out of commands. */
export const POSTABLE_TYPES = ['text', 'media', 'voice'] as const;
export type PostableType = (typeof POSTABLE_TYPES)[number];

const encryptionBlock = z.looseObject({
  algorithm: z.enum(['chacha20-poly1305', 'none']),
  key_id: z.string().min(1).max(128),
  nonce: z.union([base64Field.max(64), z.literal('')]),
  /** In `e2ee` channels: the device whose sender key it is, the channel's key epoch, and the message's place in the chain (profile §5). */
  device: deviceIdField.optional(),
  epoch: z.number().int().min(0).optional(),
  n: z.number().int().min(0).max(1_000_000).optional(),
  /** The state entry that the author knew as the last one: the node refuses the message when another came meanwhile. */
  state: hashField.optional(),
});
export type EncryptionBlock = z.infer<typeof encryptionBlock>;

/** What `content` is in an `e2ee` channel: nothing but the ciphertext, padded before it was encrypted (profile §5). */
export const sealedContent = z.strictObject({ ciphertext: base64Field.max(62_000) });

const messageMetadata = z.looseObject({
  client: z.string().max(100).optional(),
  edited: z.boolean().optional(),
  reply_to: messageReferenceField.nullish(),
  reactions: z.record(z.string(), z.unknown()).optional(),
});

const baseShape = {
  id: messageIdField,
  timestamp: timeField,
  author: userIdField,
  device: deviceIdField.optional(),
  channel: channelReferenceField.optional(),
  channel_id: channelIdField.optional(),
  content: z.record(z.string(), z.unknown()),
  encryption: encryptionBlock,
  /** On state entries of `e2ee` channels: the hash of the state entry before (profile §4). */
  prev_state: hashField.nullable().optional(),
  metadata: messageMetadata,
  signature: signatureField,
};

/** The base structure of §6.1 with any of the types, as stored and delivered; unknown members are kept. */
export const messageSchema = z.looseObject({ type: z.string().max(40), ...baseShape });
export type Message = z.infer<typeof messageSchema>;

/** A message that its author signed, as `send_message` and the REST post carry it (profile §4). */
export const signedMessageSchema = z.looseObject({ type: z.enum(POSTABLE_TYPES), ...baseShape });
export type SignedMessage = z.infer<typeof signedMessageSchema>;

/** A state entry that its author signed, in an `e2ee` channel: `prev_state` chains it to the one before (profile §4). */
export const stateEntrySchema = z.looseObject({
  type: z.literal('system'),
  ...baseShape,
  device: deviceIdField,
  channel_id: channelIdField,
  prev_state: hashField.nullable(),
  /** The author's device as his log certifies it: the chain can be checked when his account is gone. */
  certificate: deviceEntrySchema.optional(),
  content: systemContent,
});
export type StateEntry = z.infer<typeof stateEntrySchema>;

/** The plain form of §7.3 and §8.3: the node completes and signs it, in `node` channels only. */
export const plainMessageSchema = z.looseObject({
  type: z.enum(POSTABLE_TYPES).optional(),
  channel: channelReferenceField.optional(),
  content: z.record(z.string(), z.unknown()),
  reply_to: messageReferenceField.nullish(),
});
export type PlainMessage = z.infer<typeof plainMessageSchema>;

/** Members that only the full form has: one of them makes the rest of the base structure mandatory. */
const FULL_FORM_MEMBERS = ['id', 'timestamp', 'author', 'device', 'encryption', 'signature', 'metadata'] as const;

export function isFullForm(data: object): boolean {
  return FULL_FORM_MEMBERS.some((member) => member in data);
}

/** What only nodes may add (profile §1): from a client these are refused with 2000. */
export function refuseNodeMembers(message: Record<string, unknown>): void {
  if ('node' in message) throw invalidFormat('only nodes add this member', 'node');
  if ('function_result' in message) throw invalidFormat('only nodes add this member', 'function_result');
  const metadata = (message['metadata'] ?? {}) as Record<string, unknown>;
  if (metadata['edited'] === true) throw invalidFormat('only nodes set this member', 'metadata.edited');
  if (Object.keys(metadata['reactions'] ?? {}).length > 0) {
    throw invalidFormat('only nodes add this member', 'metadata.reactions');
  }
}

/** Bytes of the JCS form; throws 2001 with the two numbers of §14.1 when there are too many. Returns the form. */
export function checkMessageSize(message: object): string {
  const form = canonicalJson(message);
  const actual = utf8Length(form);
  if (actual > MAX_MESSAGE_BYTES) {
    throw new DcpError(
      'MESSAGE_TOO_LARGE',
      { max_size: MAX_MESSAGE_BYTES, actual_size: actual },
      'Message content exceeds maximum size',
    );
  }
  return form;
}

/** UTF-8 bytes of a well-formed string, without encoding it. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    // A surrogate is half of a character of four bytes, and counts two; all else above U+07FF takes three bytes.
    bytes += unit < 0x800 || (unit >= 0xd800 && unit <= 0xdfff) ? 1 : 2;
  }
  return bytes;
}

/** `reply_to` may stand in `content` and in `metadata`; both must agree. Returns the reference or null. */
export function replyTo(message: {
  content: Record<string, unknown>;
  metadata?: { reply_to?: string | null | undefined };
}): string | null {
  const inContent = (message.content['reply_to'] ?? null) as string | null;
  const inMetadata = message.metadata?.reply_to ?? null;
  if (inContent !== null && inMetadata !== null && inContent !== inMetadata) {
    throw invalidFormat('content.reply_to and metadata.reply_to differ', 'metadata.reply_to');
  }
  return inContent ?? inMetadata;
}
