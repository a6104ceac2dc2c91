import { fromHex, parseHash, sha256, toHex, toUtf8 } from '@dcp/crypto';
import type { ChannelState } from './channel-chain.js';

/**
 * The device-log heads that travel inside every encrypted message (profile §5): twelve bytes a user, four of SHA-256(user id) and eight of the
 * head's hash. The author's own comes first, then up to three readers', another three with each message. So two people who are shown two
 * logs of one user find out as soon as they talk, and a message stays in its padding bucket.
 */
const TAG_BYTES = 4;
const HEAD_BYTES = 8;
const ENTRY_BYTES = TAG_BYTES + HEAD_BYTES;
export const READERS_A_MESSAGE = 3;

export interface ClaimedHead {
  /** Hex of the user's tag and of the head's first bytes. */
  tag: string;
  head: string;
}

export function userTag(userId: string): string {
  return toHex(sha256(toUtf8(userId)).subarray(0, TAG_BYTES));
}

/** `hash`: `sha256:` text of a log's head. */
export function shortHead(hash: string): string {
  return toHex(parseHash(hash).subarray(0, HEAD_BYTES));
}

export function writeHeads(heads: readonly { userId: string; hash: string }[]): Uint8Array {
  return fromHex(heads.map(({ userId, hash }) => userTag(userId) + shortHead(hash)).join(''));
}

/** Whole entries only; what is left over is ignored. More than 64 are not read. */
export function readHeads(bytes: Uint8Array): ClaimedHead[] {
  const count = Math.min(64, Math.floor(bytes.length / ENTRY_BYTES));
  return Array.from({ length: count }, (_, i) => {
    const entry = bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES);
    return { tag: toHex(entry.subarray(0, TAG_BYTES)), head: toHex(entry.subarray(TAG_BYTES)) };
  });
}

/** The readers whose heads go with message `n`: another few each time, in the order of their ids. */
export function readersFor(members: readonly string[], author: string, n: number): string[] {
  const readers = members.filter((user) => user !== author).sort();
  const first = readers.length === 0 ? 0 : (n * READERS_A_MESSAGE) % readers.length;
  return [...readers.slice(first), ...readers.slice(0, first)].slice(0, READERS_A_MESSAGE);
}

const tagsOf = new WeakMap<ChannelState, Map<string, string>>();

/** Members by tag; made once for each state. */
export function membersByTag(state: ChannelState): Map<string, string> {
  let tags = tagsOf.get(state);
  if (tags === undefined) {
    tags = new Map(Object.keys(state.members).map((user) => [userTag(user), user]));
    tagsOf.set(state, tags);
  }
  return tags;
}
