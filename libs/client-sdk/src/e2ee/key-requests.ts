import type { DeviceAddress, Outgoing } from './pair-sessions.js';
import type { KeyOwner } from './received-keys.js';

const FIRST_MS = 2_000;
const MAX_MS = 300_000;
/** Keys asked for at the same time; more are asked for after the next reconnect. */
const MAX_WANTED = 2_000;

interface Wanted extends KeyOwner {
  n: number;
  seq: number;
  attempts: number;
  next: number;
}

/** Asked at the same time. */
const AT_ONCE = 64;

export interface KeyRequestsParts {
  send(outgoing: Outgoing[]): Promise<unknown>;
  /** Devices other than the owner's own that may have the key. */
  holders(owner: KeyOwner): Promise<DeviceAddress[]>;
  /** Looks whether another device of this user has backed these keys up meanwhile; what it has is taken, and settled. */
  recover(keyIds: string[]): Promise<unknown>;
  own: DeviceAddress;
  now(): number;
}

/**
 * The sender keys that are missing: the own backup is looked through and the owner asked, from the second time on others who may have the
 * key too, again and again with longer pauses, until it comes or is refused.
 */
export class KeyRequests {
  private readonly wanted = new Map<string, Wanted>();

  constructor(private readonly parts: KeyRequestsParts) {}

  get size(): number {
    return this.wanted.size;
  }

  /** The message `n` of the key stands at `seq`. */
  want(keyId: string, owner: KeyOwner, n: number, seq: number): void {
    const known = this.wanted.get(keyId);
    if (known === undefined && this.wanted.size < MAX_WANTED)
      this.wanted.set(keyId, { ...owner, n, seq, attempts: 0, next: this.parts.now() });
    else if (known !== undefined && n < known.n) Object.assign(known, { n, seq });
  }

  has(keyId: string): boolean {
    return this.wanted.has(keyId);
  }

  /** Whether this key of this device is being waited for. */
  wants(keyId: string, owner: KeyOwner): boolean {
    const known = this.wanted.get(keyId);
    return (
      known !== undefined &&
      known.channelId === owner.channelId &&
      known.userId === owner.userId &&
      known.device === owner.device
    );
  }

  settle(keyId: string): void {
    this.wanted.delete(keyId);
  }

  /** Asks for what is due. Called every second or so while one is online. */
  async tick(): Promise<void> {
    const now = this.parts.now();
    const due = [...this.wanted].filter(([, { next }]) => next <= now).slice(0, AT_ONCE);
    if (due.length === 0) return;
    for (const [, wanted] of due) wanted.next = now + Math.min(MAX_MS, FIRST_MS * 2 ** wanted.attempts++);
    // A backup that cannot be read now keeps nobody from asking.
    await this.parts.recover(due.map(([keyId]) => keyId)).catch(() => undefined);
    const questions: Outgoing[] = [];
    for (const [keyId, wanted] of due) if (this.has(keyId)) questions.push(...(await this.questions(keyId, wanted)));
    if (questions.length > 0) await this.parts.send(questions);
  }

  private async questions(keyId: string, { attempts, ...wanted }: Wanted): Promise<Outgoing[]> {
    const { channelId, userId, device, n, seq } = wanted;
    const ask = { t: 'ask', channel_id: channelId, key_id: keyId, n, seq } as const;
    const { own } = this.parts;
    const toOwner = userId === own.userId && device === own.device ? [] : [{ userId, device, payload: ask }];
    if (attempts === 1 && toOwner.length > 0) return toOwner;
    const others = await this.parts.holders({ channelId, userId, device });
    return [...toOwner, ...others.map((one) => ({ ...one, payload: { ...ask, user_id: userId, device } }))];
  }
}
