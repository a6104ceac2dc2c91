import type { Entry } from '@dcp/contracts';
import { wireSize } from '../log/wire-size.js';

/** A page fits into one bus message of 1 MiB. */
const MAX_PAGE_BYTES = 700 * 1024;
/** For another node: below `MAX_PEER_FRAME`. */
export const PEER_PAGE_BYTES = 400 * 1024;

/** The entries that fit, from the front; the first always does. */
export function fitting(entries: Entry[], most = MAX_PAGE_BYTES): Entry[] {
  let bytes = 0;
  const end = entries.findIndex((entry, i) => {
    bytes += wireSize(entry);
    return i > 0 && bytes > most;
  });
  return end < 0 ? entries : entries.slice(0, end);
}
