import { constantTimeEqual, hmac128, randomBytes, sha256, toBase32, toHex, toUtf8 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import type { UsedStore } from '../challenges/used.store.js';
import type { NodeKey } from '../node/node-key.js';

const SALT_LIFETIME_MS = 10 * 60_000;

export interface WorkDone {
  salt: string;
  nonce: string;
}

/**
 * What a registration costs a client: a nonce for which SHA-256(salt ":" user_id ":" nonce) begins with `bits` zero bits. The salt
 * carries its expiry and the node's seal, so that work cannot be done in advance; each solution is good once.
 */
export class ProofOfWork {
  constructor(
    readonly bits: number,
    private readonly key: NodeKey,
    private readonly used: UsedStore,
    private readonly clock: Clock,
  ) {}

  offer(): { bits: number; salt: string } {
    const head = `${this.clock.now() + SALT_LIFETIME_MS}.${toBase32(randomBytes(10))}`;
    return { bits: this.bits, salt: `${head}.${this.#seal(head)}` };
  }

  /** Throws INSUFFICIENT_PERMISSIONS (1002) with the reason. */
  async check(work: WorkDone | undefined, userId: string): Promise<void> {
    if (this.bits === 0) return;
    if (work === undefined) throw this.#refused('proof_of_work_required');
    const expires = this.#expiryOf(work.salt);
    const digest = sha256(toUtf8(`${work.salt}:${userId}:${work.nonce}`));
    if (leadingZeroBits(digest) < this.bits) throw this.#refused('proof_of_work_invalid');
    if (!(await this.used.use(sha256(toUtf8(`work:${work.salt}`)), expires))) throw this.#refused('proof_of_work_used');
  }

  #expiryOf(salt: string): number {
    const cut = salt.lastIndexOf('.');
    const head = salt.slice(0, Math.max(0, cut));
    if (!constantTimeEqual(toUtf8(this.#seal(head)), toUtf8(salt.slice(cut + 1))))
      throw this.#refused('proof_of_work_invalid');
    const expires = Number(head.split('.')[0]);
    if (expires < this.clock.now()) throw this.#refused('proof_of_work_expired');
    return expires;
  }

  #seal(head: string): string {
    return toHex(hmac128(this.key.challengeSecret, toUtf8(`DCP-WORK-V1\0${head}`)));
  }

  #refused(reason: string): DcpError {
    return new DcpError('INSUFFICIENT_PERMISSIONS', { reason, bits: this.bits });
  }
}

export function leadingZeroBits(digest: Uint8Array): number {
  let bits = 0;
  for (const byte of digest) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24;
    bits += 8;
  }
  return bits;
}
