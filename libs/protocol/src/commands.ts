import * as z from 'zod';
import {
  channelIdField,
  channelReferenceField,
  ed25519KeyField,
  messageReferenceField,
  signatureField,
  textUpTo,
} from './fields.js';
import { ENCRYPTION_MODES, genesisSchema } from './genesis.js';
import { mandateSchema } from './mandate.js';

/** One history or catch-up page holds at most this many messages; a larger `limit` is lowered to it. */
export const MAX_PAGE = 100;
export const DEFAULT_PAGE = 50;
/** `resume` replays at most this many entries of a channel, then says `resume_gap` (profile §4). */
export const MAX_RESUME_ENTRIES = 1_000;
/** One `resume`, and one socket, cover at most this many channels. */
export const MAX_SUBSCRIPTIONS = 1_000;

/** In an `e2ee` channel the change is signed by whoever makes it: `entry` is his state entry (profile §4). */
const stateChange = { channel: channelReferenceField, entry: z.record(z.string(), z.unknown()) };
export const joinChannel = z.looseObject({ ...stateChange, entry: stateChange.entry.optional() });
export const leaveChannel = z.looseObject({ ...stateChange, entry: stateChange.entry.optional() });
/** `invite_user kick_user ban_user` and their reversals, and `change_state` for every other entry of the state chain. */
export const changeState = z.looseObject(stateChange);

/** The state chain of an `e2ee` channel, for members, the invited, and holders of an invite link. */
export const getState = z.looseObject({
  channel: channelReferenceField,
  /** Entries after this `seq`. */
  after: z.number().int().min(0).optional(),
  link: z.looseObject({ key: ed25519KeyField, proof: signatureField }).optional(),
});
/** The author's device has taken note of `message_status` events: they are not told again. */
export const acknowledgeStatus = z.looseObject({ message_ids: z.array(messageReferenceField).min(1).max(200) });

/** Finds another node by a host, so that its channels and users can be named by its id (profile §2, `via`). */
export const meetNode = z.looseObject({ via: z.string().min(1).max(255) });

export const subscribeChannel = z.looseObject({ channel: channelReferenceField });

/** `name` (title) and `description` are what `GET /channels` shows; `genesis` comes from clients that sign it themselves. */
export const createChannel = z.looseObject({
  channel: channelReferenceField,
  encryption: z.enum(ENCRYPTION_MODES).optional(),
  name: textUpTo(100).optional(),
  description: textUpTo(1_000).optional(),
  genesis: genesisSchema.optional(),
  signature: signatureField.optional(),
  /** With a genesis of mode `e2ee`: the signed `channel_created` that begins the state chain. */
  entry: z.record(z.string(), z.unknown()).optional(),
});

export const updateChannel = z.looseObject({
  channel: channelReferenceField,
  name: textUpTo(100).optional(),
  description: textUpTo(1_000).optional(),
  /** Whom its owner trusts to move the channel when its home is lost; replaces the one before. */
  mandate: mandateSchema.optional(),
});

export const PRESENCE = ['online', 'away', 'offline'] as const;
export type Presence = (typeof PRESENCE)[number];

/** `offline` shows the user as gone while the socket stays. */
export const updateStatus = z.looseObject({ status: z.enum(PRESENCE), message: textUpTo(200).optional() });

export const typing = z.looseObject({ channel: channelReferenceField, typing: z.boolean() });

export const getHistory = z.looseObject({
  channel: channelReferenceField,
  limit: z.number().int().min(1).max(1_000_000).optional(),
  before: messageReferenceField.optional(),
  /** Entries after this `seq`, oldest first: what follows a `resume_gap`. */
  after: z.number().int().min(0).optional(),
});

/** The last `seq` that the client has seen of each channel. */
export const resume = z.looseObject({
  channels: z
    .record(channelIdField, z.number().int().min(0))
    .refine((channels) => Object.keys(channels).length <= MAX_SUBSCRIPTIONS, {
      error: `more than ${MAX_SUBSCRIPTIONS} channels`,
    }),
});

/** A command of §7.3; `data` is parsed by the command itself. `id` comes back in the answer. */
export const commandFrame = z.looseObject({
  command: z.string().min(1).max(64),
  id: z.string().min(1).max(64).optional(),
  data: z.record(z.string(), z.unknown()).optional(),
});
export type CommandFrame = z.infer<typeof commandFrame>;
