import * as z from 'zod';
import {
  base64Field,
  deviceIdField,
  kemKeyField,
  signatureField,
  timeField,
  userIdField,
  x25519KeyField,
} from './fields.js';

/** Prekeys of one `publish_keys`; a full stock takes several. */
export const MAX_PREKEYS_A_CALL = 50;
/** One-time prekeys of each kind that a node keeps for a device. */
export const MAX_ONE_TIME_PREKEYS = 200;
/** Below this many the device publishes more (`keys_low`). */
export const LOW_PREKEYS = 20;
/** Devices named by one `claim_keys`. */
export const MAX_CLAIM_DEVICES = 50;
/** Hand-overs of one `send_keys`, and the base64 of one. */
export const MAX_SEND_KEYS = 64;
export const MAX_KEY_MESSAGE = 60_000;
/** The base64 of all of them together: they fit into one frame. Above it: MESSAGE_TOO_LARGE with `details.max_size`, send them in parts. */
export const MAX_SEND_KEYS_BYTES = 192 * 1024;
/** Items of one `fetch_keys` answer. */
export const MAX_FETCH_KEYS = 64;
/** Users of one `get_devices`. */
export const MAX_DEVICE_LOGS = 50;

/**
 * One prekey of a device, signed by the device's signing key (TYPE PREKEY). `signed` and `kem-last-resort` are replaced about weekly
 * and serve any number of first contacts; `one-time` and `kem` are handed out once. `epoch` grows when a backup is restored: what an
 * older epoch left behind is void, because its private halves may be in two places.
 */
export const prekeySchema = z
  .looseObject({
    user_id: userIdField,
    device: deviceIdField,
    epoch: z.number().int().min(0).max(1_000_000),
    kind: z.enum(['signed', 'one-time', 'kem', 'kem-last-resort']),
    /** Unique for its kind and epoch. */
    id: z.number().int().min(1).max(0xffff_ffff),
    key: z.union([x25519KeyField, kemKeyField]),
    created: timeField,
    signature: signatureField,
  })
  .refine(({ kind, key }) => key.startsWith('ml-kem-768:') === kind.startsWith('kem'), {
    error: 'not the kind of key that this prekey is',
    path: ['key'],
  });
export type Prekey = z.infer<typeof prekeySchema>;

export const publishKeys = z.looseObject({
  epoch: z.number().int().min(0).max(1_000_000),
  /** May be empty: the answer tells the stock. */
  prekeys: z.array(prekeySchema).max(MAX_PREKEYS_A_CALL),
});

/** What a node holds of a device's one-time prekeys. */
export interface KeyStock {
  epoch: number;
  one_time: number;
  kem: number;
}

export const deviceReference = z.looseObject({ user_id: userIdField, device: deviceIdField });
export interface DeviceReference {
  user_id: string;
  device: string;
}

export const claimKeys = z.looseObject({ devices: z.array(deviceReference).min(1).max(MAX_CLAIM_DEVICES) });

/** What a first contact needs: as published, signatures included. `kem` is one-time, or the last resort when the stock is used up. */
export const prekeyBundle = z.looseObject({
  user_id: userIdField,
  device: deviceIdField,
  epoch: z.number().int().min(0).max(1_000_000),
  signed: prekeySchema,
  one_time: prekeySchema.optional(),
  kem: prekeySchema.optional(),
});
export type PrekeyBundle = z.infer<typeof prekeyBundle>;

export interface ClaimedKeys {
  bundles: PrekeyBundle[];
  /** Devices that have published nothing. */
  missing: DeviceReference[];
}

/** A message from device to device, encrypted by their pairwise session; `id` makes sending again safe. */
export const keyMessage = z.looseObject({
  user_id: userIdField,
  device: deviceIdField,
  id: z.string().regex(/^[a-z0-9_-]{8,64}$/),
  body: base64Field.max(MAX_KEY_MESSAGE),
});
export type KeyMessage = z.infer<typeof keyMessage>;

export const sendKeys = z.looseObject({ messages: z.array(keyMessage).min(1).max(MAX_SEND_KEYS) });
export interface SentKeys {
  /** Devices that the node does not know: nothing was queued for them. */
  unknown: DeviceReference[];
  /** Devices whose queue is full; the sender tries again later. */
  full: DeviceReference[];
}

/** `from_device` of a queue's item that came by `route_message` (§10.2): `from_user` is then the id of the sender's node. */
export const ROUTED = 'node';

/** §10.2: bytes for a user that neither node can read. Who sends them they may say themselves. */
export const routedMessage = z.looseObject({
  destination_user: userIdField,
  encrypted_message: base64Field.min(1).max(MAX_KEY_MESSAGE),
});
export type RoutedMessage = z.infer<typeof routedMessage>;

export const fetchKeys = z.looseObject({
  after: z.number().int().min(0),
  limit: z.number().int().min(1).max(MAX_FETCH_KEYS).optional(),
});
export const acknowledgeKeys = z.looseObject({ up_to: z.number().int().min(1) });

/** An item of a device's queue; `seq` grows by one for each. */
export interface QueuedKeys {
  seq: number;
  id: string;
  from_user: string;
  from_device: string;
  received_at: string;
  body: string;
}

export interface QueuePage {
  items: QueuedKeys[];
  has_more: boolean;
}

/** Device logs of several users; `after`: only the entries after this `seq`. Unknown users are left out of the answer. */
export const getDevices = z.looseObject({
  users: z
    .array(z.looseObject({ user_id: userIdField, after: z.number().int().min(0).optional() }))
    .min(1)
    .max(MAX_DEVICE_LOGS),
});

/** One record of a user's sealed backup (profile §5): the node sees its month and size, never what it holds. */
export const backupRecord = z.looseObject({
  id: z.string().regex(/^[A-Za-z0-9_.:-]{1,128}$/),
  /** `2026-11`, or `keys` for the sealed monthly keys themselves. */
  month: z.string().regex(/^(\d{4}-\d{2}|keys)$/),
  body: base64Field.max(65_536),
});
export type BackupRecord = z.infer<typeof backupRecord>;

export const MAX_BACKUP_RECORDS = 100;
/** Records that one question may name. */
export const MAX_BACKUP_IDS = 64;
export const putBackup = z.looseObject({ records: z.array(backupRecord).min(1).max(MAX_BACKUP_RECORDS) });
export interface BackupPage {
  records: BackupRecord[];
  /** The `after` of the next page. */
  next: string | null;
}
