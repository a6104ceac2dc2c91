import { formatKey, parseKey, verifySigned } from '@dcp/crypto';
import { checkMove, isNewerMove, type MovedTo, type MoveFault, type VerifyText } from '@dcp/protocol';
import type { EventHub } from '../events.js';
import type { Storage } from '../storage/storage.js';
import { SerialByKey } from './serial.js';

const PREFIX = 'e2ee/moves/';
/** Faults that were shown; above it the oldest may be shown again. */
const MAX_REFUSALS = 1_000;

/**
 * Users who have moved to other nodes (docs/adr/0023). A node only carries the record: it counts when the identity key that is pinned
 * for the old account has signed it, and the new account has agreed. What was believed is kept for good, also when the old node is gone.
 */
export class UserMoves {
  private readonly lines = new SerialByKey();
  private readonly refusals = new Map<string, string>();

  constructor(
    private readonly storage: Storage,
    private readonly events: EventHub,
    private readonly now: () => number,
  ) {}

  /** What is known without asking. */
  of(userId: string): Promise<MovedTo | undefined> {
    return this.storage.get<MovedTo>(PREFIX + userId);
  }

  /** Takes what a node says of a user under his pinned key (`ed25519:` text); answers the record that holds now. Tells once of each. */
  note(userId: string, identityKey: string, value: unknown): Promise<MovedTo | undefined> {
    return this.lines.run(userId, () => this.take(userId, identityKey, value));
  }

  /** The user has another identity key now: what the old one signed is nobody's word. */
  async forget(userId: string): Promise<void> {
    this.refusals.delete(userId);
    await this.storage.delete(PREFIX + userId);
  }

  /** A record that is not to be followed is shown; the same fault of a user only once. */
  refuse(userId: string, reason: MoveFault | 'other_identity'): void {
    if (this.refusals.get(userId) === reason) return;
    this.refusals.delete(userId);
    this.refusals.set(userId, reason);
    const oldest = this.refusals.keys().next();
    if (this.refusals.size > MAX_REFUSALS && oldest.done !== true) this.refusals.delete(oldest.value);
    this.events.emit('moveRefused', { userId, reason });
  }

  private async take(userId: string, identityKey: string, value: unknown): Promise<MovedTo | undefined> {
    const known = await this.of(userId);
    const record = checkMove(value, { userId, identityKey, now: this.now(), verify });
    if (typeof record === 'string') {
      // An old node that still tells what is known and over does nothing wrong.
      if (record !== 'expired' || known === undefined) this.refuse(userId, record);
      return known;
    }
    if (!isNewerMove(record, known)) return known;
    await this.storage.set(PREFIX + userId, record);
    // The same way, signed again, is no news.
    if (known?.to !== record.to) this.events.emit('userMoved', { userId, to: record.to, record });
    return record;
  }
}

/** For `checkMove`. */
export const verify: VerifyText = (key, preimage, signature) => {
  try {
    return verifySigned(parseKey(key).bytes, preimage, signature);
  } catch {
    return false;
  }
};

/** The same key, in whatever spelling. */
export function isSameKey(a: string, b: string): boolean {
  try {
    return formatKey('ed25519', parseKey(a).bytes) === formatKey('ed25519', parseKey(b).bytes);
  } catch {
    return false;
  }
}
