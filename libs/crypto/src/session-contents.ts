/**
 * What a session holds, and its serialised form:
 *
 *   version 1 | id 16 | associated data 32 | last used, u64 ms | owed u32 | 00, or 01 and block(handshake)
 *   | ratchet state (ratchet-state.ts) | skipped keys (skipped-message-keys.ts)
 */
import { ByteReader } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import type { Received } from './double-ratchet.js';
import { fromHex, toHex } from './encodings.js';
import { readHandshake } from './envelope.js';
import { type RatchetState, readRatchetState, secretsOf, wipeReplaced, writeRatchetState } from './ratchet-state.js';
import { wipe } from './secret-bytes.js';
import { SkippedMessageKeys } from './skipped-message-keys.js';

const VERSION = 1;
const MAX_HANDSHAKE_BYTES = 2048;

export interface SessionContents {
  id: string;
  associated: Uint8Array;
  lastUsed: number;
  owesReply: number;
  /** Stands before every message until the first answer. */
  handshake: Uint8Array | undefined;
  ratchet: RatchetState;
  skipped: SkippedMessageKeys;
}

export function newContents(
  id: string,
  associated: Uint8Array,
  ratchet: RatchetState,
  now: number,
  handshake: Uint8Array | undefined,
): SessionContents {
  return { id, associated, lastUsed: now, owesReply: 0, handshake, ratchet, skipped: new SkippedMessageKeys() };
}

/** Secret. */
export function writeContents(contents: SessionContents): Uint8Array {
  const { id, associated, lastUsed, owesReply, handshake, ratchet, skipped } = contents;
  const writer = new ByteWriter().u8(VERSION).raw(fromHex(id)).raw(associated).time(lastUsed).u32(owesReply);
  writer.optional(handshake, (bytes) => writer.block(bytes));
  writeRatchetState(writer, ratchet);
  skipped.write(writer);
  return writer.finish();
}

/** Throws `malformed`. */
export function readContents(bytes: Uint8Array): SessionContents {
  const reader = new ByteReader(bytes);
  reader.version(VERSION);
  const contents = {
    id: toHex(reader.raw(16)),
    associated: reader.raw(32),
    lastUsed: reader.time(),
    owesReply: reader.u32(),
    handshake: reader.optional(() => checkedHandshake(reader.block(MAX_HANDSHAKE_BYTES))),
    ratchet: readRatchetState(reader),
    skipped: SkippedMessageKeys.read(reader),
  };
  reader.end();
  return contents;
}

export function wipeContents({ ratchet, skipped }: SessionContents): void {
  for (const secret of secretsOf(ratchet)) wipe(secret);
  skipped.wipe();
}

/** Puts a later ratchet state in place and wipes what only the old one held. */
export function replaceRatchet(contents: SessionContents, next: RatchetState): void {
  wipeReplaced(contents.ratchet, next);
  contents.ratchet = next;
}

/** Makes lasting what a message that has opened changes. */
export function keepReceived(contents: SessionContents, received: Received, now: number): void {
  if (received.kind === 'kept') return contents.skipped.remove(received.headerKey, received.n);
  for (const range of received.skipped) contents.skipped.add(range, now);
  replaceRatchet(contents, received.next);
}

/** Wipes what was derived for a message that has not opened. */
export function undoReceived(contents: SessionContents, received: Received): void {
  if (received.kind === 'kept') return;
  wipeReplaced(received.next, contents.ratchet);
  for (const key of received.skipped.flatMap(({ keys }) => keys)) wipe(key);
}

function checkedHandshake(bytes: Uint8Array): Uint8Array {
  const reader = new ByteReader(bytes);
  readHandshake(reader);
  reader.end();
  return bytes;
}
