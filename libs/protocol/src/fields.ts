import * as z from 'zod';
import { CHANNEL_ID, DEVICE_ID, MESSAGE_ID, MESSAGE_REFERENCE, NODE_ID, USER_ID, USERNAME } from './names.js';

/** Small shapes that frames, files and REST bodies share. All are strings on the wire. */

/** Names the rule that a string breaks, so that an error says more than "invalid". */
const shaped = (pattern: RegExp, what: string) => z.string().regex(pattern, { error: what });

export const nodeIdField = shaped(NODE_ID, 'not a node id (8 of a-z, 0-9)');
export const usernameField = shaped(USERNAME, 'not a username (3 to 63 of a-z, 0-9, _ and -, first a letter or digit)');
export const userIdField = shaped(USER_ID, 'not a user id ({node-id}.{username})');
export const channelIdField = shaped(CHANNEL_ID, 'not a channel id');
export const messageIdField = shaped(MESSAGE_ID, 'not a message id (msg_ and 16 of a-z, 0-9)');
export const messageReferenceField = shaped(MESSAGE_REFERENCE, 'not a message id');
export const deviceIdField = shaped(DEVICE_ID, 'not a device id (dev_ and 16 of a-z, 0-9)');

/** A channel as a client may write it: name, name@node or id. The exact rules give 2006 later, so only the length is checked. */
export const channelReferenceField = z.string().min(1).max(120);

/** RFC 3339 in UTC, seconds or milliseconds (§6.1, profile §1). */
export const timeField = z.string().refine(isTime, { error: 'not an RFC 3339 time in UTC' });

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?Z$/;

function isTime(text: string): boolean {
  return TIME.test(text) && !Number.isNaN(Date.parse(text));
}

/**
 * Base64 or base64url, padded or not. Only the alphabet is checked here, dots included: the specification's own examples abbreviate
 * (`ed25519:AAAC3…...`) and must parse. Whoever decodes the bytes is strict.
 */
const BASE64 = '[A-Za-z0-9+/_.-]+={0,2}';

export const base64Field = z.string().regex(new RegExp(`^${BASE64}$`), { error: 'not base64' });

/** `ed25519:` and the key: 32 raw bytes or the OpenSSH blob. */
export const ed25519KeyField = z
  .string()
  .max(200)
  .regex(new RegExp(`^ed25519:${BASE64}$`), { error: 'not an ed25519: key' });

export const x25519KeyField = z
  .string()
  .max(200)
  .regex(new RegExp(`^x25519:${BASE64}$`), { error: 'not an x25519: key' });

/** `ml-kem-768:` and the 1,184 bytes of FIPS 203. */
export const kemKeyField = z
  .string()
  .max(1_700)
  .regex(new RegExp(`^ml-kem-768:${BASE64}$`), { error: 'not an ml-kem-768: key' });

/** `ml-dsa-65:` and the 1,952 bytes of FIPS 204. */
export const mlDsaKeyField = z
  .string()
  .max(2_700)
  .regex(new RegExp(`^ml-dsa-65:${BASE64}$`), { error: 'not an ml-dsa-65: key' });

/** `ed25519+ml-dsa-65:` and both raw signatures, in that order (profile §1). */
export const hybridSignatureField = z
  .string()
  .max(4_600)
  .regex(new RegExp(`^ed25519\\+ml-dsa-65:${BASE64}$`), { error: 'not a hybrid signature' });

/** `ed25519:` and the 64-byte signature. */
export const signatureField = z
  .string()
  .max(200)
  .regex(new RegExp(`^ed25519:${BASE64}$`), { error: 'not an ed25519: signature' });

export const hashField = z.string().regex(/^sha256:[0-9a-z.]{1,64}$/, { error: 'not a sha256: hash' });

/** Characters as people count them at the specification's level: code points, not bytes (§4.2). */
export const textUpTo = (characters: number) =>
  z
    .string()
    .max(characters * 2)
    .refine((text) => [...text].length <= characters, { error: `longer than ${characters} characters` });
