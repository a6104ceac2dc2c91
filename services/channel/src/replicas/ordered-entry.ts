import type { Entry } from '@dcp/contracts';
import { formatHash, sha256 } from '@dcp/crypto';
import {
  channelIdField,
  deviceIdField,
  invalidFormat,
  MAX_MESSAGE_BYTES,
  messageReferenceField,
  messageSigningInput,
  parseWith,
  timeField,
  userIdField,
} from '@dcp/protocol';
import { z } from 'zod';
import { digestOf } from '../log/new-entry.js';
import { checkText } from '../log/post-checks.js';

/** Entries in one batch of a home at most. */
const MAX_ENTRIES = 512;
/** The columns hold what JavaScript can count. */
const seqField = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);

export const entrySchema = z.object({
  seq: seqField,
  id: messageReferenceField,
  type: z.string().regex(/^[a-z_]{1,40}$/, { error: 'not a message type' }),
  /** Empty: wiped. */
  author: z.union([userIdField, z.literal('')]),
  received_at: timeField,
  body: z.string().max(MAX_MESSAGE_BYTES),
});

export const entryBatchSchema = z.looseObject({
  channel_id: channelIdField,
  name: z.string().max(160),
  entries: z.array(entrySchema).min(1).max(MAX_ENTRIES),
});

/** An entry that another node has numbered, with what the columns of the log need. */
export interface OrderedEntry extends Entry {
  device: string | null;
  timestamp: string;
  digest: Buffer;
  /** What the body says; undefined when the entry was wiped. */
  message: Record<string, unknown> | undefined;
}

const WIPED = Buffer.alloc(32);

const bodySchema = z.looseObject({
  id: z.string(),
  type: z.string(),
  author: z.string(),
  channel_id: z.string(),
  timestamp: timeField,
  device: deviceIdField.optional(),
});

/** Checks that the columns say what the body says. Throws INVALID_MESSAGE_FORMAT. */
export function orderedEntry(entry: Entry, channelId: string): OrderedEntry {
  if (entry.body === '') {
    return { ...entry, author: '', device: null, timestamp: entry.received_at, digest: WIPED, message: undefined };
  }
  const message = parseWith(bodySchema, parsed(entry.body));
  for (const member of ['id', 'type', 'author'] as const) {
    if (message[member] !== entry[member]) throw invalidFormat('not what the body says', `entries.${member}`);
  }
  if (message.channel_id !== channelId) throw invalidFormat('of another channel', 'entries.channel_id');
  checkText(message, entry.body);
  const { timestamp, device = null } = message;
  return { ...entry, device, timestamp, digest: digestOf(entry.body), message };
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    throw invalidFormat('not JSON', 'entries.body');
  }
}

/** As `NewEntry.stateHash`: what the author signed in `e2ee` channels, the stored form in `node` ones. */
export function stateHeadOf({ digest, message }: OrderedEntry, channelId: string, sealed: boolean): string {
  if (!sealed || message === undefined) return formatHash(digest);
  return formatHash(sha256(messageSigningInput({ ...message, channel_id: channelId }, 'MESSAGE')));
}

/** The entries of a batch, checked: consecutive, and each what its body says. */
export function orderedEntries(entries: Entry[], channelId: string): OrderedEntry[] {
  const first = entries[0]?.seq ?? 1;
  if (entries.some(({ seq }, i) => seq !== first + i)) throw invalidFormat('not consecutive', 'entries.seq');
  return entries.map((entry) => orderedEntry(entry, channelId));
}
