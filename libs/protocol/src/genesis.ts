import * as z from 'zod';
import { canonicalJson } from './canonical-json.js';
import { ed25519KeyField, nodeIdField, signatureField, timeField, userIdField } from './fields.js';

/**
 * Who finds and enters a channel (§9.2): everybody; whoever is invited; the members that its genesis lists (group DM). A DM between
 * two has no genesis: its two members are its identity.
 */
export const VISIBILITIES = ['public', 'private', 'group'] as const;
export type Visibility = (typeof VISIBILITIES)[number] | 'dm';

/** Members that a group DM may begin with. */
export const MAX_GROUP_MEMBERS = 64;

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
  visibility: z.enum(VISIBILITIES),
  creator: z.string().max(72),
  creator_key: ed25519KeyField,
  created: timeField,
  random: z.string().min(22).max(64),
  /** Group DMs: who is in it from the start, the creator included, each with his identity key. */
  members: z
    .array(z.looseObject({ user_id: userIdField, identity_key: ed25519KeyField }))
    .min(2)
    .max(MAX_GROUP_MEMBERS)
    .optional(),
});
export type Genesis = z.infer<typeof genesisSchema>;

export const signedGenesisSchema = z.object({ genesis: genesisSchema, signature: signatureField });

/** The bytes whose SHA-256, in base32 behind `ch_`, is the `channel_id`. */
export function channelIdInput(genesis: Genesis): Uint8Array {
  return new TextEncoder().encode(canonicalJson(genesis));
}

/** As `channelIdInput` for a DM: its identity is the sorted pair of its members (profile §2). */
export function dmChannelIdInput(a: string, b: string): Uint8Array {
  return new TextEncoder().encode(canonicalJson([a, b].sort()));
}
