import { createHash } from 'node:crypto';
import type { Entry } from '@dcp/contracts';
import { formatHash, parseHash } from '@dcp/crypto';

const HASH_BYTES = 32;

/**
 * The running hash over a channel's order (profile §6): head_n = SHA-256(head_{n-1} ‖ seq, 8 bytes big-endian ‖ SHA-256(body)). The first
 * head follows 32 zero bytes.
 */
export function nextHead(head: string | null, { seq, body }: Pick<Entry, 'seq' | 'body'>): string {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(seq));
  const before = head === null ? Buffer.alloc(HASH_BYTES) : parseHash(head);
  const hash = createHash('sha256').update(before).update(number);
  return formatHash(hash.update(createHash('sha256').update(body).digest()).digest());
}

export function headAfter(head: string | null, entries: readonly Pick<Entry, 'seq' | 'body'>[]): string | null {
  return entries.reduce<string | null>(nextHead, head);
}
