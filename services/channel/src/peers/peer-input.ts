import { MAX_BATCH_POSTS } from '@dcp/contracts';
import {
  channelIdField,
  channelReferenceField,
  mandateSchema,
  messageReferenceField,
  nodeIdField,
  timeField,
  userIdField,
} from '@dcp/protocol';
import { z } from 'zod';

/** What other nodes may ask, as it must look: they are strangers. */

/** A node asks for itself what concerns its replica as a whole. */
const asker = z.union([userIdField, nodeIdField]);
const seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
/** PostgreSQL keeps no U+0000 (profile §1). */
const text = (most: number) =>
  z
    .string()
    .max(most)
    .refine((value) => !value.includes('\0'), { error: 'U+0000' });
const object = z.record(z.string(), z.unknown());

export const infoRequest = z.looseObject({ channel: channelReferenceField, user_id: asker });

export const stateRequest = z.looseObject({
  channel_id: channelIdField,
  user_id: asker,
  after: seq,
  link: z.object({ key: z.string().max(200), proof: z.string().max(200) }).optional(),
});

export const changeRequest = z.looseObject({
  user_id: userIdField,
  channel_id: channelIdField,
  change: z.enum(['join', 'leave', 'state', 'open_dm', 'update']),
  entry: object.optional(),
  other: userIdField.optional(),
  title: text(1_000).optional(),
  description: text(4_000).optional(),
  mandate: mandateSchema.optional(),
});

export const postRequest = z.looseObject({
  posts: z.array(z.looseObject({ channel_id: channelIdField, message: object })).max(MAX_BATCH_POSTS),
});

export const historyRequest = z.looseObject({
  channel_id: channelIdField,
  user_id: asker,
  before: messageReferenceField.optional(),
  after: seq.optional(),
  limit: z.number().int().min(1).max(1_000),
});

export const noticeRequest = z.looseObject({
  channel_id: channelIdField,
  user_id: userIdField,
  change: z.enum(['invited', 'revoked']),
  by: userIdField,
  name: text(120),
  title: text(1_000),
  at: timeField,
});
