import { hash } from 'node:crypto';
import type { Entry } from '@dcp/contracts';
import { formatHash, parseHash } from '@dcp/crypto';

const HASH_BYTES = 32;
const SEQ_BYTES = 8;

/**
 * The running hash over a channel's order (profile §6): head_n = SHA-256(head_{n-1} ‖ seq, 8 bytes big-endian ‖ SHA-256(body)). The first
 * head follows 32 zero bytes. Every entry passes here at both ends, so it is text only at the beginning and the end.
 */
export function headAfter(head: string | null, entries: readonly Pick<Entry, 'seq' | 'body'>[]): string | null {
  if (entries.length === 0) return head;
  const hashed = Buffer.alloc(HASH_BYTES + SEQ_BYTES + HASH_BYTES);
  if (head !== null) hashed.set(parseHash(head));
  for (const { seq, body } of entries) {
    hashed.writeBigUInt64BE(BigInt(seq), HASH_BYTES);
    hashed.set(hash('sha256', body, 'buffer'), HASH_BYTES + SEQ_BYTES);
    hashed.set(hash('sha256', hashed, 'buffer'));
  }
  return formatHash(hashed.subarray(0, HASH_BYTES));
}
