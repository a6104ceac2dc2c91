import * as z from 'zod';
import { canonicalJson } from './canonical-json.js';
import { DcpError, type ErrorDetails } from './errors.js';
import { ed25519KeyField, signatureField, timeField, userIdField } from './fields.js';
import { signingInput } from './signing.js';

/** So long after `issued` the old node leads to the new account; then it ends the old one. */
export const MOVE_FORWARD_MS = 90 * 86_400_000;
/** A record that was signed longer ago is not accepted by the old node any more: sign a new one. */
export const MOVE_ACCEPT_MS = 86_400_000;
/** Clocks differ (§14.1): a record may be so much ahead of one's own. */
const SKEW_MS = 5 * 60_000;
/** JCS bytes of a record: answers of many users at once carry one for each. */
export const MAX_MOVE_BYTES = 1_024;
/** Moves in a row that are followed: whoever has moved may move again. */
export const MAX_MOVES_IN_A_ROW = 4;

/**
 * A user has moved to an account at another node (TYPE MOVE). Two signatures over the same object, which is the record without both of them:
 * `signature` by the identity key of the old account, whose word it is, and `accepted` by that of the new one, so that nobody
 * can be made somebody's successor against his will.
 */
export const movedTo = z
  .looseObject({
    /** The old account. */
    user_id: userIdField,
    /** The new one, at another node. */
    to: userIdField,
    /** The identity key of the new account. */
    identity_key: ed25519KeyField,
    /** A host at which the new node is found. */
    via: z.string().min(1).max(255).optional(),
    issued: timeField,
    accepted: signatureField,
    signature: signatureField,
  })
  .refine(({ user_id, to }) => nodeOf(user_id) !== nodeOf(to), { error: 'not another node', path: ['to'] })
  .refine(fits, {
    error: `larger than ${MAX_MOVE_BYTES} bytes`,
  });
export type MovedTo = z.infer<typeof movedTo>;

/** Why a record is not believed. */
export type MoveFault = 'bad_record' | 'other_user' | 'bad_signature' | 'no_consent' | 'in_the_future' | 'expired';

/** Whether `signature` is by `key` (`ed25519:` text) over `preimage`; false for whatever is no key or no signature. */
export type VerifyText = (key: string, preimage: Uint8Array, signature: string) => boolean;

/** Whose move is checked, and against what. */
export interface MoveCheck {
  userId: string;
  /** `ed25519:` identity key of the old account, as the checker has pinned it: never one that came with the record. */
  identityKey: string;
  /** Milliseconds since 1970. */
  now: number;
  verify: VerifyText;
}

/** The bytes that both accounts sign. */
export function moveSigningInput(record: object): Uint8Array {
  const { accepted: _accepted, ...rest } = record as { accepted?: unknown };
  return signingInput('MOVE', rest);
}

/** The record, when it is this user's word and the new account has agreed; else why it is not believed. Never throws. */
export function checkMove(value: unknown, { userId, identityKey, now, verify }: MoveCheck): MovedTo | MoveFault {
  const parsed = movedTo.safeParse(value);
  if (!parsed.success) return 'bad_record';
  const record = parsed.data;
  if (record.user_id !== userId) return 'other_user';
  const preimage = moveSigningInput(record);
  if (!verify(identityKey, preimage, record.signature)) return 'bad_signature';
  if (!verify(record.identity_key, preimage, record.accepted)) return 'no_consent';
  if (Date.parse(record.issued) > now + SKEW_MS) return 'in_the_future';
  return isMoveOver(record, now) ? 'expired' : record;
}

/** Nobody is led any more. */
export function isMoveOver({ issued }: Pick<MovedTo, 'issued'>, now: number): boolean {
  return moveEnd({ issued }) <= now;
}

/** Milliseconds since 1970: when the forwarding is over and the old account ends. */
export function moveEnd({ issued }: Pick<MovedTo, 'issued'>): number {
  return Date.parse(issued) + MOVE_FORWARD_MS;
}

/** The last word holds: a record takes the place of one that was issued before it. */
export function isNewerMove(record: MovedTo, than: MovedTo | undefined): boolean {
  return than === undefined || Date.parse(record.issued) > Date.parse(than.issued);
}

/** USER_NOT_FOUND (2003) that leads on: `details.moved_to` is the record. */
export function userMoved(record: MovedTo): DcpError {
  return new DcpError('USER_NOT_FOUND', { reason: 'moved', user_id: record.user_id, moved_to: record });
}

/** The record in an error's details, unchecked; undefined when the error is about something else. */
export function moveInError({ code, details }: { code: string; details: ErrorDetails }): unknown {
  return code === 'USER_NOT_FOUND' && details['reason'] === 'moved' ? details['moved_to'] : undefined;
}

function nodeOf(userId: string): string {
  return userId.slice(0, userId.indexOf('.'));
}

/** False, too, for what has no JCS form. */
function fits(record: object): boolean {
  try {
    return new TextEncoder().encode(canonicalJson(record)).length <= MAX_MOVE_BYTES;
  } catch {
    return false;
  }
}
