import type { PeerHandover } from '@dcp/contracts';
import {
  channelIdField,
  closingSchema,
  DcpError,
  type Handover,
  handoverRecord,
  type HandoverRecord,
  handoverSchema,
  invalidFormat,
  MAX_HANDOVERS,
  parseWith,
} from '@dcp/protocol';
import { z } from 'zod';

/** What other nodes say of the home of a channel, as it must look: they are strangers. */
const request = z.looseObject({
  step: z.enum(['ask', 'probe', 'take', 'told', 'claim']),
  channel_id: channelIdField,
  handovers: z
    .array(z.looseObject({ handover: handoverSchema, closing: closingSchema.optional() }))
    .min(1)
    .max(MAX_HANDOVERS),
});

export interface HandoverInput {
  step: PeerHandover['step'];
  channelId: string;
  /** What it is about. */
  last: Handover;
  handovers: PeerHandover['handovers'];
}

export function parseHandovers(body: unknown): HandoverInput {
  const { step, channel_id, handovers } = parseWith(request, body);
  const last = handovers.at(-1)?.handover;
  if (last === undefined) throw invalidFormat('missing', 'handovers');
  if (handovers.some(({ handover }) => handover.channel_id !== channel_id))
    throw invalidFormat('of another channel', 'handovers.channel_id');
  return { step, channelId: channel_id, last, handovers };
}

/** All must be closed by the home before, unless that was lost. Throws FEDERATION_ERROR `closing`. */
export function closedRecords(handovers: PeerHandover['handovers']): HandoverRecord[] {
  return handovers.map((told) => {
    const record = handoverRecord.safeParse(told);
    if (record.success) return record.data;
    throw new DcpError('FEDERATION_ERROR', { reason: 'closing', epoch: told.handover.epoch });
  });
}
