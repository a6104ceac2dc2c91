import {
  appendToFrontier,
  EMPTY_FRONTIER,
  formatHash,
  frontierRoot,
  merkleLeafHash,
  type MerkleFrontier,
  sha256,
  toUtf8,
} from '@dcp/crypto';
import { canonicalJson, signingInput, type TrustEntry } from '@dcp/protocol';

/** How far a log is held: enough to check what comes next, and to know the root. */
export interface LogPosition {
  readonly lastHash: string | null;
  readonly frontier: MerkleFrontier;
}

export const EMPTY_LOG: LogPosition = { lastHash: null, frontier: EMPTY_FRONTIER };

/** An entry as it is kept: its bytes, and what is derived from them. */
export interface LogRow {
  entry: TrustEntry;
  hash: string;
  leafHash: Uint8Array;
  body: string;
}

/** A log that says something else than it said before: its node is not believed any more. */
export class LogContradiction extends Error {
  constructor(readonly fault: 'shrunk' | 'rewritten' | 'not_linked' | 'inconsistent') {
    super(`the trust log contradicts itself: ${fault}`);
  }
}

/** The log with one more entry. Throws a LogContradiction when the entry does not follow. */
export function follow(position: LogPosition, entry: TrustEntry): { position: LogPosition; row: LogRow } {
  if (entry.seq !== position.frontier.size + 1 || entry.prev !== position.lastHash)
    throw new LogContradiction('not_linked');
  const body = canonicalJson(entry);
  const leafHash = merkleLeafHash(toUtf8(body));
  const hash = formatHash(sha256(signingInput('TRUST', entry)));
  const frontier = appendToFrontier(position.frontier, leafHash);
  return { position: { lastHash: hash, frontier }, row: { entry, hash, leafHash, body } };
}

/** The `root` of a head over the log as far as it is held. */
export function rootOf({ frontier }: LogPosition): string {
  return formatHash(frontierRoot(frontier));
}
