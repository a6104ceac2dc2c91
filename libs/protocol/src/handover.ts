import * as z from 'zod';
import { canonicalJson } from './canonical-json.js';
import { DcpError } from './errors.js';
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
import type { Genesis } from './genesis.js';
import { utf8Length } from './messages.js';
import { signingInput } from './signing.js';

/**
 * How the home of a channel moves (profile §6): its owner signs a hand-over (TYPE HANDOVER) that follows the one before. The genesis
 * names the first home; whoever knows the chain of hand-overs knows the present one.
 */

/** Hand-overs of one channel at most, and the JCS form of one: the whole chain fits into one answer between nodes. */
export const MAX_HANDOVERS = 100;
export const MAX_HANDOVER_BYTES = 2_048;
/** Numbers at most that are given to nobody when a home is lost. */
export const MAX_VOID = 10_000;

const seqField = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const epochField = z.number().int().min(1).max(2_147_483_647);

const isShort = (object: object): boolean => utf8Length(canonicalJson(object)) <= MAX_HANDOVER_BYTES;
const tooLong = { error: `longer than ${MAX_HANDOVER_BYTES} bytes` };

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
  /** The channel's owner. */
  author: userIdField,
  device: deviceIdField.optional(),
  signature: signatureField,
});
export const handoverSchema = handoverMembers
  .refine(isShort, tooLong)
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
export const closingSchema = closingMembers.refine(isShort, tooLong);
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

/** Where a chain of hand-overs leads. */
export interface HomeAfter {
  home: string;
  epoch: number;
  /** `sha256:` of the last hand-over: the `prev` of the next; null where there is none. */
  head: string | null;
}

/** The bytes whose `sha256:` hash the next hand-over names, and which the owner's device signs. */
export function handoverInput(handover: object): Uint8Array {
  return signingInput('HANDOVER', handover);
}

/**
 * Follows a chain from the home that the genesis names. Each hand-over must be the owner's, of this channel, from the home before it and
 * follow it by hash and epoch. Signatures are the caller's to check; `hashOf` gives the `sha256:` text of bytes. Throws FEDERATION_ERROR
 * with the reason `handover_author`, `handover_chain` or `too_many_handovers`.
 */
export function homeAfter(
  channelId: string,
  genesis: Pick<Genesis, 'home_node' | 'creator'>,
  chain: readonly Handover[],
  hashOf: (bytes: Uint8Array) => string,
): HomeAfter {
  if (chain.length > MAX_HANDOVERS) throw wrong('too_many_handovers');
  let at: HomeAfter = { home: genesis.home_node, epoch: 1, head: null };
  for (const one of chain) {
    // Channels have one owner for good: who made them.
    if (one.author !== genesis.creator) throw wrong('handover_author');
    if (!follows(one, channelId, at)) throw wrong('handover_chain');
    at = { home: one.to_node, epoch: one.epoch, head: hashOf(handoverInput(one)) };
  }
  return at;
}

type End = Pick<z.infer<typeof handoverMembers>, 'kind' | 'last_seq' | 'void_to'>;

function hasItsEnd({ kind, last_seq: last, void_to: voidTo }: End): boolean {
  if (kind === 'given') return last === undefined && voidTo === undefined;
  return last !== undefined && voidTo !== undefined && voidTo > last && voidTo - last <= MAX_VOID;
}

function follows(next: Handover, channelId: string, { home, epoch, head }: HomeAfter): boolean {
  const isNext = next.epoch === epoch + 1 && next.prev === head;
  return isNext && next.channel_id === channelId && next.from_node === home && next.to_node !== home;
}

/** Whether a closing is about this hand-over: of its channel, the epoch before it, and for its new home. */
export function closes(closing: Closing, { channel_id, epoch, to_node }: Handover): boolean {
  return closing.channel_id === channel_id && closing.epoch === epoch - 1 && closing.to_node === to_node;
}

function wrong(reason: string): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason });
}
