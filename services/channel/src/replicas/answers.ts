import type {
  HistoryPage,
  HomedChannel,
  PeerHandoverAnswer,
  PostBatchAnswer,
  ReplicaState,
  StateChange,
  StatePage,
} from '@dcp/contracts';
import { type PeerKind } from '@dcp/contracts';
import {
  channelIdField,
  DcpError,
  ENCRYPTION_MODES,
  type ErrorCode,
  genesisSchema,
  handoverRecord,
  hashField,
  isErrorCode,
  mandateSchema,
  MAX_HANDOVERS,
  nodeIdField,
  signatureField,
  timeField,
  VISIBILITIES,
} from '@dcp/protocol';
import { z } from 'zod';
import { entrySchema } from './ordered-entry.js';

/** What other nodes answer, as it must look: they are strangers. */

/** PostgreSQL keeps no U+0000 (profile §1). */
const text = (most: number) =>
  z
    .string()
    .max(most)
    .refine((value) => !value.includes('\0'), { error: 'U+0000' });
const name = text(160);
const visibility = z.enum([...VISIBILITIES, 'dm']);
const encryption = z.enum(ENCRYPTION_MODES);
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const epoch = z.number().int().min(0).max(2_147_483_647);

const homedChannel = z.looseObject({
  channel_id: channelIdField,
  name,
  title: text(1_000),
  description: text(4_000),
  encryption,
  visibility,
  member_count: count,
  last_activity: timeField,
  last_seq: count,
  home_node: nodeIdField,
  home_epoch: epoch,
  genesis: genesisSchema.nullable(),
  genesis_signature: signatureField.nullable(),
  state_head: hashField.nullable(),
  epoch,
  standing: z.enum(['member', 'invited', 'none']),
  first_seq: count.optional(),
  handovers: z.array(handoverRecord).max(MAX_HANDOVERS).optional(),
  mandate: mandateSchema.optional(),
});

const statePage = z.looseObject({
  channel_id: channelIdField,
  name,
  visibility,
  genesis: genesisSchema.nullable(),
  genesis_signature: signatureField.nullable(),
  entries: z.array(entrySchema).max(1_000),
  has_more: z.boolean(),
  state_head: hashField.nullable(),
  epoch,
  last_seq: count,
});

const stateChange = z.looseObject({
  channel_id: channelIdField,
  name,
  seq: count,
  changed: z.boolean(),
  encryption,
  visibility,
  state_head: hashField.nullable(),
  epoch,
});

const errorCode = z.custom<ErrorCode>((code) => typeof code === 'string' && isErrorCode(code));
const refusal = z.object({
  code: errorCode,
  message: z.string().max(1_000),
  details: z.record(z.string(), z.unknown()),
});
const ack = z.object({
  message_id: z.string().max(80),
  seq: count,
  timestamp: timeField,
  state: z.enum(['ordered', 'queued']),
});
const postAnswer = z.looseObject({
  results: z.array(z.union([z.object({ ok: ack }), z.object({ error: refusal })])).max(512),
});

const historyPage = z.looseObject({ name, entries: z.array(entrySchema).max(1_000), has_more: z.boolean() });

const handoverAnswer = z.looseObject({
  state: z.enum(['settled', 'moving', 'refused']),
  last_seq: count,
  reason: z.string().max(100).optional(),
});

const replicaState = z.looseObject({
  home_node: nodeIdField,
  home_epoch: epoch,
  first_seq: count,
  last_seq: count,
  mandate: mandateSchema.optional(),
});

export interface Answers {
  channel_info: HomedChannel;
  channel_state: StatePage;
  channel_change: StateChange;
  channel_post: PostBatchAnswer;
  channel_history: HistoryPage;
  channel_notice: object;
  channel_handover: PeerHandoverAnswer;
  channel_survey: ReplicaState;
}

const SCHEMAS: { [K in keyof Answers]: z.ZodType<Answers[K]> } = {
  channel_info: homedChannel,
  channel_state: statePage,
  channel_change: stateChange,
  channel_post: postAnswer,
  channel_history: historyPage,
  channel_notice: z.looseObject({}),
  channel_handover: handoverAnswer,
  channel_survey: replicaState,
};

export type AskedKind = keyof Answers & PeerKind;

/** Throws FEDERATION_ERROR (3001) where an answer makes no sense. */
export function answerOf<K extends AskedKind>(kind: K, body: unknown): Answers[K] {
  const result = SCHEMAS[kind].safeParse(body);
  if (result.success) return result.data;
  throw new DcpError('FEDERATION_ERROR', {
    reason: 'answer',
    kind,
    path: result.error.issues[0]?.path.join('.') ?? '',
  });
}
