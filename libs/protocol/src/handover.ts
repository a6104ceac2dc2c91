import * as z from 'zod';
import { canonicalJson } from './canonical-json.js';
import {
  channelIdField,
  deviceIdField,
  hashField,
  nodeIdField,
  signatureField,
  textUpTo,
  timeField,
  userIdField,
} from './fields.js';
import { consentSchema, MAX_ADMINS, mandateSchema } from './mandate.js';
import { utf8Length } from './messages.js';
import { signingInput } from './signing.js';

/**
 * How the home of a channel moves (profile §6): its owner signs a hand-over (TYPE HANDOVER) that follows the one before. The genesis
 * names the first home; whoever knows the chain of hand-overs knows the present one. When the home is lost, more than half of the admins
 * whom the owner has named beforehand may sign it in his place.
 */

/** Hand-overs of one channel at most, and the JCS form of one: the whole chain fits into one answer between nodes. */
export const MAX_HANDOVERS = 100;
export const MAX_HANDOVER_BYTES = 2_048;
/** Of them signed by admins, and the JCS form of one, which carries all their signatures. */
export const MAX_BY_ADMINS = 10;
export const MAX_BY_ADMINS_BYTES = 6_144;
/** Numbers at most that are given to nobody when a home is lost. */
export const MAX_VOID = 10_000;

const seqField = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const epochField = z.number().int().min(1).max(2_147_483_647);

const isWithin = (object: object, most: number): boolean => utf8Length(canonicalJson(object)) <= most;
const tooLong = (most: number) => ({ error: `longer than ${most} bytes` });

const handoverMembers = z.looseObject({
  channel_id: channelIdField,
  /** The home epoch that begins with it: that of the home before and one. */
  epoch: epochField.min(2),
  from_node: nodeIdField,
  to_node: nodeIdField,
  /**
   * `given`: the home before gives the channel up, and says up to where it has ordered. `lost`: it is gone for good, and says nothing; what it
   * may have ordered behind `last_seq` does not count.
   */
  kind: z.enum(['given', 'lost']),
  /** Of a lost home: the last entry that is kept. */
  last_seq: seqField.optional(),
  /** Of a lost home: numbers up to this one may have been seen, and are never given again. */
  void_to: seqField.optional(),
  /** `sha256:` of `handoverInput` of the hand-over before; null for the first. */
  prev: hashField.nullable(),
  /** A host at which the new home may be found. */
  via: textUpTo(255).optional(),
  issued: timeField,
  /** The channel's owner, or an admin by his mandate. */
  author: userIdField,
  device: deviceIdField.optional(),
  /** Of a lost home, where admins say so: what the owner has signed for that. */
  mandate: mandateSchema.optional(),
  /** The other admins'; not part of what is signed. */
  consents: z.array(consentSchema).max(MAX_ADMINS).optional(),
  signature: signatureField,
});
export const handoverSchema = handoverMembers
  .refine((one) => isWithin(one, MAX_BY_ADMINS_BYTES), tooLong(MAX_BY_ADMINS_BYTES))
  .refine((one) => one.mandate !== undefined || isWithin(one, MAX_HANDOVER_BYTES), tooLong(MAX_HANDOVER_BYTES))
  .refine(({ kind, mandate, consents }) => (mandate === undefined ? consents === undefined : kind === 'lost'), {
    error: 'mandate and consents: of a lost home only, and consents with a mandate only',
  })
  .refine(hasItsEnd, { error: `lost: with last_seq and void_to, ${MAX_VOID} behind it at most; given: without` });
export type Handover = z.infer<typeof handoverSchema>;

/** The last word of the home before (TYPE ORDER), beside what the owner signs: behind `last_seq` it orders nothing. */
const closingMembers = z.looseObject({
  channel_id: channelIdField,
  /** Of the home that closes. */
  epoch: epochField,
  last_seq: seqField,
  /** The first entry that it had, where it was not the first of the channel. */
  first_seq: seqField.optional(),
  to_node: nodeIdField,
  signature: signatureField,
});
export const closingSchema = closingMembers.refine(
  (one) => isWithin(one, MAX_HANDOVER_BYTES),
  tooLong(MAX_HANDOVER_BYTES),
);
export type Closing = z.infer<typeof closingSchema>;

/** A hand-over with what the home before said to it, as nodes keep it; a lost one has said nothing. */
export const handoverRecord = z
  .looseObject({ handover: handoverSchema, closing: closingSchema.optional() })
  .refine(({ handover, closing }) => (handover.kind === 'given') === (closing !== undefined), {
    error: 'given: with a closing; lost: without',
  });
export type HandoverRecord = z.infer<typeof handoverRecord>;

/** The last entry from before a hand-over. */
export function endBefore({ handover, closing }: HandoverRecord): number {
  return closing?.last_seq ?? handover.last_seq ?? 0;
}

/** What the owner's client sends, to the node of its user. */
export const handOverBody = z.looseObject({ handover: handoverSchema });

/** The bytes whose `sha256:` hash the next hand-over names, and which its author's device signs. */
export function handoverInput(handover: object): Uint8Array {
  const { consents: _consents, ...signed } = handover as { consents?: unknown };
  return signingInput('HANDOVER', signed);
}

type End = Pick<z.infer<typeof handoverMembers>, 'kind' | 'last_seq' | 'void_to'>;

function hasItsEnd({ kind, last_seq: last, void_to: voidTo }: End): boolean {
  if (kind === 'given') return last === undefined && voidTo === undefined;
  return last !== undefined && voidTo !== undefined && voidTo > last && voidTo - last <= MAX_VOID;
}

/** Whether a closing is about this hand-over: of its channel, the epoch before it, and for its new home. */
export function closes(closing: Closing, { channel_id, epoch, to_node }: Handover): boolean {
  return closing.channel_id === channel_id && closing.epoch === epoch - 1 && closing.to_node === to_node;
}
