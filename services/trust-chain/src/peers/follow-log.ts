import { parseHash, verifyConsistency } from '@dcp/crypto';
import type { TrustEntry, TrustHead } from '@dcp/protocol';
import { follow, LogContradiction, type LogPosition, type LogRow, rootOf } from '../log/log-position.js';
import type { HeldLog } from '../log/log.store.js';

export type HeadNews = 'nothing' | 'grown' | 'old';

/** What a verified head says about a log of which a part is held. Throws a LogContradiction when both cannot be true. */
export function compareHead({ position, head: last }: HeldLog, head: TrustHead): HeadNews {
  const { size } = position.frontier;
  if (head.size > size) return 'grown';
  if (head.size === size) {
    if (head.root !== rootOf(position)) throw new LogContradiction('rewritten');
    return 'nothing';
  }
  // An answer that was overtaken by a later one: the log has grown since.
  if (last !== null && Date.parse(head.issued) <= Date.parse(last.issued)) return 'old';
  throw new LogContradiction('shrunk');
}

/** The log with a page of entries, all of which follow, and whose tree grows into the one of the head. */
export function followPage(
  start: LogPosition,
  { entries, proof }: { entries: TrustEntry[]; proof: string[] },
  head: TrustHead,
): { rows: LogRow[]; position: LogPosition } {
  const rows: LogRow[] = [];
  let position = start;
  for (const entry of entries) {
    const followed = follow(position, entry);
    rows.push(followed.row);
    position = followed.position;
  }
  const claim = {
    firstSize: position.frontier.size,
    firstRoot: parseHash(rootOf(position)),
    size: head.size,
    root: parseHash(head.root),
    proof: proof.map(parseHash),
  };
  if (!verifyConsistency(claim)) throw new LogContradiction('inconsistent');
  return { rows, position };
}
