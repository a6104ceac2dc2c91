import * as z from 'zod';
import { PRESENCE } from './commands.js';
import {
  base64Field,
  channelIdField,
  hashField,
  hybridSignatureField,
  mlDsaKeyField,
  ed25519KeyField,
  nodeIdField,
  signatureField,
  textUpTo,
  timeField,
  userIdField,
} from './fields.js';

/** Federation between home nodes (§10, profile §6): what one node tells another. */

/** Changes of key that a node's document tells of: with post-quantum keys a step is 7 KB long. */
export const MAX_ROTATIONS = 8;
/** The longest document, as JSON. */
export const MAX_NODE_DOCUMENT = 96 * 1024;

export const FEDERATION_PROTOCOL = 'dcp-fed-v1';

/** §10.3. `unknown` is the level of every node that nobody has rated. */
export const TRUST_LEVELS = ['trusted', 'monitored', 'unknown', 'blocked'] as const;
export type TrustLevel = (typeof TRUST_LEVELS)[number];

/** How a link is bound to its TLS channel (profile §6); `none`: this node takes no links. */
export const LINK_BINDINGS = ['none', 'exporter', 'spki'] as const;
export type LinkBinding = (typeof LINK_BINDINGS)[number];

/** One step from a node key to the next, signed by the older one (TYPE NODE): who has pinned the old key follows. */
export const keyRotation = z.looseObject({
  node: nodeIdField,
  from: ed25519KeyField,
  to: ed25519KeyField,
  /** The post-quantum key that comes with `to`. */
  to_pq: mlDsaKeyField.optional(),
  issued: timeField,
  /** By `from` and the post-quantum key beside it, where there was one: over the step without `hybrid` and `signature`. */
  hybrid: hybridSignatureField.optional(),
  signature: signatureField,
});
export type KeyRotation = z.infer<typeof keyRotation>;

/** A document or step as its `hybrid` signature covers it; `signature` covers `hybrid` as well. */
export function withoutSignatures(object: object): object {
  const { signature: _signature, hybrid: _hybrid, ...rest } = object as { signature?: unknown; hybrid?: unknown };
  return rest;
}

/** The first `ml-dsa-65:` key of a document, if it has one: then nothing of the node is believed that this key has not signed too. */
export function postQuantumKey({ keys }: Pick<NodeDocument, 'keys'>): string | undefined {
  return keys.find((key) => key.startsWith('ml-dsa-65:'));
}

/** `/.well-known/dcp/node.json`, signed by the first of its `keys` (TYPE NODE), an `ed25519:` one. */
export const nodeDocument = z.looseObject({
  id: nodeIdField,
  name: z.string().max(100).optional(),
  version: z.string().max(40),
  features: z.array(z.string().max(40)).max(64),
  keys: z.tuple([ed25519KeyField], z.union([ed25519KeyField, mlDsaKeyField])).refine((keys) => keys.length <= 4),
  endpoints: z.array(z.string().max(300)).max(8),
  binding: z.enum(LINK_BINDINGS),
  /** `wss://host[:port]/federation/v1`; only with a binding other than `none`. */
  federation: z.string().max(300).optional(),
  /** Mode `spki`: SHA-256 of the public keys (SubjectPublicKeyInfo) of the edge's certificates. */
  spki: z.array(hashField).max(8).optional(),
  /** From the oldest to the present key. */
  rotations: z.array(keyRotation).max(MAX_ROTATIONS).optional(),
  issued: timeField,
  /** Grows with every change: an older document never replaces a newer one. */
  sequence: z.number().int().min(0),
  hybrid: hybridSignatureField.optional(),
  signature: signatureField,
});
export type NodeDocument = z.infer<typeof nodeDocument>;

/** §10.1: a node that the operator knows. */
export const knownNode = z.looseObject({
  id: nodeIdField,
  endpoint: z.string().max(300),
  name: z.string().max(100).optional(),
  trust_level: z.enum(TRUST_LEVELS).optional(),
});
export const knownNodesFile = z.looseObject({ known_nodes: z.array(knownNode).max(10_000) });
export type KnownNode = z.infer<typeof knownNode>;

/** What §10.2 prints, with the optional members that the profile adds. */
const frameMembers = {
  id: z.string().max(64).optional(),
  timestamp: timeField.optional(),
  destination_node: nodeIdField.optional(),
};

/** §10.2: something encrypted for a user of the other node; opaque to both nodes. */
export const routeMessageFrame = z.looseObject({
  ...frameMembers,
  type: z.literal('route_message'),
  source_node: nodeIdField,
  destination_user: userIdField,
  encrypted_message: base64Field.min(1).max(90_000),
  signature: signatureField,
});

/** §10.2. The answer is an `answer` frame with the user's profile. */
export const userLookupFrame = z.looseObject({
  ...frameMembers,
  type: z.literal('user_lookup'),
  user_id: userIdField,
  requesting_node: nodeIdField,
});

/** A question of one service of a node to the same service of another: `kind` says which, and what `body` is. */
export const askFrame = z.looseObject({
  ...frameMembers,
  type: z.literal('ask'),
  id: z.string().min(1).max(64),
  kind: z.string().regex(/^[a-z][a-z_]{1,39}$/),
  body: z.record(z.string(), z.unknown()),
});

export const answerFrame = z.looseObject({
  type: z.literal('answer'),
  id: z.string().min(1).max(64),
  body: z.record(z.string(), z.unknown()),
});

/** Somebody types in a channel (§7.2). Nobody answers; it may get lost. */
export const typingFrame = z.looseObject({
  type: z.literal('typing'),
  channel_id: channelIdField,
  user_id: userIdField,
  typing: z.boolean(),
});

/** A user's `user_status` (§7.2) is said for so many channels at most. */
export const MAX_PRESENCE_CHANNELS = 200;

/** Whether a user is there (§7.2), for the members of these channels. Nobody answers; it may get lost. */
export const presenceFrame = z.looseObject({
  type: z.literal('presence'),
  user_id: userIdField,
  status: z.enum(PRESENCE),
  message: textUpTo(200).optional(),
  last_seen: timeField,
  channels: z.array(channelIdField).min(1).max(MAX_PRESENCE_CHANNELS),
});

/** §14.1, for the question `id`. */
export const errorFrame = z.looseObject({
  type: z.literal('error'),
  id: z.string().min(1).max(64),
  error: z.looseObject({
    code: z.string().max(60),
    message: z.string().max(1_000),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

/** One frame is at most this long as JSON; so is what a bus message may carry. */
export const MAX_PEER_FRAME = 512 * 1024;

/**
 * The home's word on the order of a channel (profile §6): `head` is the running hash over the entries from `from` to `to`, begun with
 * `prev_head`. Signed by the home node's key (TYPE ORDER).
 */
export const orderStatement = z.looseObject({
  channel_id: z.string(),
  epoch: z.number().int().min(0),
  from: z.number().int().min(1),
  to: z.number().int().min(1),
  prev_head: hashField.nullable(),
  head: hashField,
  signature: signatureField,
});
export type OrderStatement = z.infer<typeof orderStatement>;

/** The first frame of a link, from both ends. */
export const linkHello = z.looseObject({
  type: z.literal('hello'),
  protocol: z.string().max(40),
  node: nodeIdField,
  to: nodeIdField,
  document: nodeDocument,
  /** 32 random bytes. */
  nonce: base64Field.max(64),
  time: timeField,
});
export type LinkHello = z.infer<typeof linkHello>;

/** The second: the node key's signature (TYPE ROUTE) over `linkStatement`. */
export const linkProof = z.looseObject({
  type: z.literal('proof'),
  signature: signatureField,
  /** Over the same; from a node with a post-quantum key. */
  hybrid: hybridSignatureField.optional(),
});

/** Why a link was not made; the last frame before it is closed. */
export const linkRefusal = z.looseObject({
  type: z.literal('refused'),
  error: z.looseObject({ code: z.string().max(60), details: z.record(z.string(), z.unknown()).optional() }),
});

/** What a node signs to prove itself on a link. `binding` is base64 of the TLS exporter of RFC 9266: a proof serves one connection. */
export interface LinkStatement {
  type: 'link';
  role: 'dialler' | 'listener';
  from: string;
  to: string;
  /** The dialler's, then the listener's. */
  nonces: [string, string];
  binding: string;
}

/**
 * The first line of every batch; the frames follow, one a line. Signed (TYPE ROUTE) together with `type: "batch"`, `from` and `to`, so
 * that nothing can be put in, repeated, left out or moved to another link.
 */
export const batchHeader = z.looseObject({
  /** SHA-256 over the nonces and the binding. */
  link: hashField,
  /** 1, 2, 3 … in each direction. */
  counter: z.number().int().min(1),
  /** SHA-256 of everything behind the first line. */
  hash: hashField,
  signature: signatureField,
});
export type BatchHeader = z.infer<typeof batchHeader>;

/** More frames than this, or more bytes, are not put into one batch. */
export const MAX_BATCH_FRAMES = 64;
export const MAX_BATCH_LENGTH = 1024 * 1024;

export type AskFrame = z.infer<typeof askFrame>;
export type ErrorFrameBody = z.infer<typeof errorFrame>['error'];
