import * as z from 'zod';
import { canonicalJson } from './canonical-json.js';
import { channelIdField, deviceIdField, signatureField, timeField, userIdField } from './fields.js';
import { utf8Length } from './messages.js';
import { signingInput } from './signing.js';

/**
 * Whom a channel's owner trusts to act in his place when its home is lost, and he with it (profile §6): more than half of its admins, each
 * by a signature, may say together what he could say alone. The owner signs the list while he is there.
 */

/** Admins that one mandate names at most: all of their signatures travel in one hand-over. */
export const MAX_ADMINS = 9;
export const MAX_MANDATE_BYTES = 1_536;

const mandateMembers = z.looseObject({
  channel_id: channelIdField,
  /** Of two mandates the one with the greater number counts. */
  serial: z.number().int().min(1).max(2_147_483_647),
  /** Users of any nodes; nobody: no mandate from now on. */
  admins: z
    .array(userIdField)
    .max(MAX_ADMINS)
    .refine((admins) => new Set(admins).size === admins.length, { error: 'somebody twice' }),
  issued: timeField,
  /** The channel's owner. */
  author: userIdField,
  device: deviceIdField.optional(),
  signature: signatureField,
});
export const mandateSchema = mandateMembers.refine(
  (mandate) => utf8Length(canonicalJson(mandate)) <= MAX_MANDATE_BYTES,
  {
    error: `longer than ${MAX_MANDATE_BYTES} bytes`,
  },
);
export type Mandate = z.infer<typeof mandateSchema>;

/** That an admin agrees: his signature under the hand-over as if he had written it himself. See `consentInput`. */
export const consentSchema = z.strictObject({
  author: userIdField,
  device: deviceIdField.optional(),
  issued: timeField,
  signature: signatureField,
});
export type Consent = z.infer<typeof consentSchema>;

/** The bytes that the owner's device signs. */
export function mandateInput(mandate: object): Uint8Array {
  return signingInput('MANDATE', mandate);
}

/** How many admins must agree: more than half. */
export function quorumOf({ admins }: Pick<Mandate, 'admins'>): number {
  return Math.floor(admins.length / 2) + 1;
}
