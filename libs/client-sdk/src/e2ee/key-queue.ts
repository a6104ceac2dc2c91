import { type QueuedKeys, type QueuePage, ROUTED } from '@dcp/protocol';
import type { EventHub } from '../events.js';
import type { Storage } from '../storage/storage.js';
import type { NodePort } from './node-port.js';
import { QueueError, type DeviceAddress, type Opened, type Outgoing, type PairSessions } from './pair-sessions.js';
import type { KeyDesk } from './key-desk.js';

const PAGE = 64;
/** A session with one device is begun anew at most this often; the pause doubles each time. */
const RESET_PAUSE_MS = 2_000;
const MAX_RESET_PAUSE_MS = 600_000;
/** Devices whose resets are remembered. */
const MAX_REMEMBERED = 5_000;

export interface KeyQueueParts {
  storage: Storage;
  node: NodePort;
  sessions: PairSessions;
  desk: KeyDesk;
  events: EventHub;
  now: () => number;
}

/**
 * This device's queue at the node: taken in order, each item's effect written before the session that opened it, acknowledged when both
 * are safe. A crash in between repeats an item, which does no harm.
 */
export class KeyQueue {
  private running: Promise<void> | undefined;
  private again = false;
  private readonly resets = new Map<string, { count: number; next: number }>();

  constructor(private readonly parts: KeyQueueParts) {}

  /** Reads the queue to its end. Resolves when what lay there at the time of the call has been dealt with. */
  drain(): Promise<void> {
    if (this.running !== undefined) this.again = true;
    this.running ??= this.run().finally(() => {
      this.running = undefined;
    });
    return this.running;
  }

  /** Resolves when nothing is being read. */
  async idle(): Promise<void> {
    await this.running?.catch(() => undefined);
  }

  private async run(): Promise<void> {
    do {
      this.again = false;
      while (await this.readPage());
    } while (this.again);
  }

  private async readPage(): Promise<boolean> {
    const { node, storage } = this.parts;
    const page = await node.command<QueuePage>('fetch_keys', { after: 0, limit: PAGE });
    const last = page.items.at(-1);
    if (last === undefined) return false;
    const changes = new Map<string, unknown>();
    const answers: Outgoing[] = [];
    for (const item of page.items) await this.take(item, changes, answers);
    try {
      await storage.apply(changes);
    } catch (error) {
      for (const item of page.items) await this.parts.sessions.discard(senderOf(item));
      throw error;
    }
    await node.command('ack_keys', { up_to: last.seq });
    if (answers.length > 0) await this.parts.sessions.send(answers).catch(() => undefined);
    return page.has_more;
  }

  private async take(item: QueuedKeys, changes: Map<string, unknown>, answers: Outgoing[]): Promise<void> {
    if (item.from_device === ROUTED) return this.routed(item);
    const from = senderOf(item);
    const opened = await this.open(item, answers);
    if (opened === undefined) return;
    await this.parts.desk.handle(from, opened.payload);
    for (const [key, value] of opened.changes) changes.set(key, value);
    this.resets.delete(keyOf(from));
    if (opened.owesReply) answers.push({ ...from, payload: { t: 'ping' } });
  }

  /** §10.2: what it is, and who sends it, is the application's affair. */
  private routed({ from_user, received_at, body }: QueuedKeys): void {
    this.parts.events.emit('routed', { sourceNode: from_user, encryptedMessage: body, receivedAt: received_at });
  }

  /** What cannot be opened is told, and the session begun anew; what was lost is asked for by whoever misses it. */
  private async open(item: QueuedKeys, answers: Outgoing[]): Promise<Opened | undefined> {
    try {
      return await this.parts.sessions.open(item);
    } catch (error) {
      if (!(error instanceof QueueError)) throw error;
      const from = senderOf(item);
      if (error.fault === 'replayed') return undefined;
      this.parts.events.emit('keyFault', { ...from, reason: error.fault });
      const broken = error.fault === 'undecryptable' || error.fault === 'no_prekey';
      if (broken && this.mayReset(from)) await this.beginAnew(from, answers);
      return undefined;
    }
  }

  private async beginAnew(from: DeviceAddress, answers: Outgoing[]): Promise<void> {
    await this.parts.sessions.reset(from);
    answers.push({ ...from, payload: { t: 'ping' } });
    this.parts.events.emit('sessionReset', from);
  }

  private mayReset(from: DeviceAddress): boolean {
    const key = keyOf(from);
    const now = this.parts.now();
    const known = this.resets.get(key) ?? { count: 0, next: 0 };
    if (known.next > now) return false;
    const pause = Math.min(MAX_RESET_PAUSE_MS, RESET_PAUSE_MS * 2 ** known.count);
    this.resets.set(key, { count: known.count + 1, next: now + pause });
    const oldest = this.resets.keys().next();
    if (this.resets.size > MAX_REMEMBERED && oldest.done !== true) this.resets.delete(oldest.value);
    return true;
  }
}

function senderOf({ from_user, from_device }: QueuedKeys): DeviceAddress {
  return { userId: from_user, device: from_device };
}

function keyOf({ userId, device }: DeviceAddress): string {
  return `${userId}/${device}`;
}
