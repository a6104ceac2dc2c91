import * as z from 'zod';
import { clientInfo } from './auth-frames.js';
import { DEFAULT_PAGE, MAX_PAGE, PRESENCE } from './commands.js';
import { ENCRYPTION_MODES } from './genesis.js';
import { messageReferenceField, timeField, userIdField } from './fields.js';
import { messageSchema } from './messages.js';
import { movedTo } from './move.js';

/** Bodies of §8 and of the account endpoints (profile §3). Requests are parsed with these; OpenAPI is made from the same schemas. */

export const userProfile = z.looseObject({
  user_id: userIdField,
  display_name: z.string().optional(),
  avatar: z.string().optional(),
  status: z.enum(PRESENCE).optional(),
  last_seen: timeField.optional(),
  moved_to: movedTo.optional(),
});

/** `POST /api/v1/accounts/me/move`: the own account goes on at another node. */
export const moveBody = z.looseObject({ moved_to: movedTo });
export const moveAnswer = z.looseObject({ moved_to: movedTo, until: timeField });

export const channelSummary = z.looseObject({
  id: z.string(),
  channel_id: z.string(),
  name: z.string(),
  description: z.string(),
  member_count: z.number().int(),
  last_activity: timeField,
  encryption: z.enum(ENCRYPTION_MODES),
});
export const channelList = z.looseObject({ channels: z.array(channelSummary) });

export const historyQuery = z.looseObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .catch(DEFAULT_PAGE)
    .transform((n) => Math.min(n, MAX_PAGE))
    .optional(),
  before: messageReferenceField.optional(),
});

export const messageHistory = z.looseObject({
  messages: z.array(messageSchema),
  has_more: z.boolean(),
  next_cursor: z.string().nullable(),
});

export const postAnswer = z.looseObject({
  message_id: z.string(),
  timestamp: timeField,
  seq: z.number().int(),
  state: z.enum(['ordered', 'queued']),
});

/** Registration: `identity_file` is parsed by `parseRegisteredIdentity`, so that each missing member is named. */
export const registerBody = z.looseObject({
  identity_file: z.record(z.string(), z.unknown()),
  invite: z.string().max(100).optional(),
  proof_of_work: z.looseObject({ salt: z.string().max(300), nonce: z.string().max(64) }).optional(),
  /** SHA-256 of the retrieval key, base64: lets a new device fetch `encrypted_data` by passphrase alone. */
  retrieval_hash: z.string().max(100).optional(),
  /** Seconds until a temporary account ends. */
  expires_in: z
    .number()
    .int()
    .min(60)
    .max(30 * 86_400)
    .optional(),
  client_info: clientInfo.optional(),
});

export const registerAnswer = z.looseObject({
  user_id: userIdField,
  status: z.enum(['active', 'pending']),
  owner: z.boolean(),
  expires: timeField.optional(),
});
