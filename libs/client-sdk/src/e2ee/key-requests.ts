import type { Outgoing } from './pair-sessions.js';
import type { KeyOwner } from './received-keys.js';

const FIRST_MS = 2_000;
const MAX_MS = 300_000;
/** Keys asked for at the same time; more are asked for after the next reconnect. */
const MAX_WANTED = 2_000;

interface Wanted extends KeyOwner {
  n: number;
  attempts: number;
  next: number;
}

/** The sender keys that are missing: their owners are asked, again and again with longer pauses, until they come or are refused. */
export class KeyRequests {
  private readonly wanted = new Map<string, Wanted>();

  constructor(
    private readonly ask: (outgoing: Outgoing[]) => Promise<unknown>,
    private readonly now: () => number,
  ) {}

  get size(): number {
    return this.wanted.size;
  }

  want(keyId: string, owner: KeyOwner, n: number): void {
    const known = this.wanted.get(keyId);
    if (known !== undefined) known.n = Math.min(known.n, n);
    else if (this.wanted.size < MAX_WANTED) this.wanted.set(keyId, { ...owner, n, attempts: 0, next: this.now() });
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
    const now = this.now();
    const due = [...this.wanted].filter(([, { next }]) => next <= now).slice(0, 64);
    for (const [, wanted] of due) wanted.next = now + Math.min(MAX_MS, FIRST_MS * 2 ** wanted.attempts++);
    if (due.length === 0) return;
    await this.ask(
      due.map(([keyId, { channelId, userId, device, n }]) => ({
        userId,
        device,
        payload: { t: 'ask', channel_id: channelId, key_id: keyId, n },
      })),
    );
  }
}
