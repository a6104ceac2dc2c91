import { z } from 'zod';
import { canonicalJson } from './canonical-json.js';
import { ed25519KeyField, nodeIdField, signatureField, timeField } from './fields.js';

export const ENCRYPTION_MODES = ['e2ee', 'node'] as const;
export type EncryptionMode = (typeof ENCRYPTION_MODES)[number];

/**
 * The first fact of a channel (profile §2), signed by its creator. Its hash is the channel's identity, so nothing in it can change:
 * name at birth, home node, encryption mode, creator and his key, randomness. `creator` is a user id, or the node id for the
 * channels that a node makes itself.
 */
export const genesisSchema = z.looseObject({
  version: z.literal('1.0'),
  name: z.string().max(100),
  home_node: nodeIdField,
  encryption: z.enum(ENCRYPTION_MODES),
  visibility: z.literal('public'),
  creator: z.string().max(72),
  creator_key: ed25519KeyField,
  created: timeField,
  random: z.string().min(22).max(64),
});
export type Genesis = z.infer<typeof genesisSchema>;

export const signedGenesisSchema = z.object({ genesis: genesisSchema, signature: signatureField });

/** The bytes whose SHA-256, in base32 behind `ch_`, is the `channel_id`. */
export function channelIdInput(genesis: Genesis): Uint8Array {
  return new TextEncoder().encode(canonicalJson(genesis));
}
