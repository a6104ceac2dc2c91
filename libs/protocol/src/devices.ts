import * as z from 'zod';
import {
  deviceIdField,
  ed25519KeyField,
  hashField,
  signatureField,
  timeField,
  userIdField,
  x25519KeyField,
} from './fields.js';

/** A user may have this many devices that are not revoked. */
export const MAX_DEVICES = 32;

/** In `capabilities`: the device takes part in post-quantum key agreement, so nobody may fall back to less (profile §5). */
export const PQ_CAPABILITY = 'ml-kem-768';

/**
 * One entry of a user's device log (profile §3): append-only, numbered from 1, each naming the hash of the one before, signed by
 * the identity key (TYPE DEVICE). `revoke` repeats the device's id only.
 */
export const deviceEntrySchema = z
  .looseObject({
    user_id: userIdField,
    seq: z.number().int().min(1),
    prev: hashField.nullable(),
    action: z.enum(['add', 'revoke']),
    device: deviceIdField,
    name: z.string().max(100).optional(),
    signing_key: ed25519KeyField.optional(),
    exchange_key: x25519KeyField.optional(),
    capabilities: z.array(z.string().max(40)).max(40).optional(),
    created: timeField,
    signature: signatureField,
  })
  .refine(
    (entry) => entry.action === 'revoke' || (entry.signing_key !== undefined && entry.exchange_key !== undefined),
    {
      error: 'a device is added with signing_key and exchange_key',
      path: ['signing_key'],
    },
  );
export type DeviceEntry = z.infer<typeof deviceEntrySchema>;
