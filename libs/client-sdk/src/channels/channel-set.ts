import type { ChannelUpdate, DeliveredMessage, ServerEvent } from '@dcp/protocol';
import type { Storage } from '../storage/storage.js';
import { ChannelCursor, type EntryEvent } from './channel-cursor.js';

const STORE_KEY = 'channels';
/** Cursors are written at most this often: a crash in between costs a few repeats of what was shown, never a loss. */
const STORE_PAUSE_MS = 1_000;
/** Events of channels that are about to be followed: the node speaks before it has answered the join. */
const MAX_EARLY = 500;

interface HistoryAnswer {
  messages: DeliveredMessage[];
  last_seq: number | null;
  has_more: boolean;
}

export interface ChannelSetHandlers {
  readHistory(channelId: string, after: number): Promise<HistoryAnswer>;
  /** Each entry once and in order. */
  deliver(event: EntryEvent, encrypted: boolean): void;
  /** The first `seq` that was delivered and is not dealt with yet; undefined: none. */
  pendingSeq(channelId: string): number | undefined;
}

interface StoredCursor {
  name: string;
  seq: number;
  encrypted?: boolean;
}

/** The channels that a client hears, and how far it has seen each of them. */
export class ChannelSet {
  private readonly cursors = new Map<string, ChannelCursor>();
  private readonly updates = new Map<string, number>();
  private early: EntryEvent[] = [];
  /** A channel was added since the cursors were written. */
  private isStored = true;
  private storing: ReturnType<typeof setTimeout> | undefined;

  private readonly encrypted = new Set<string>();

  constructor(
    private readonly storage: Storage,
    private readonly handlers: ChannelSetHandlers,
  ) {}

  async load(): Promise<void> {
    const stored = (await this.storage.get<Record<string, StoredCursor>>(STORE_KEY)) ?? {};
    for (const [channelId, { name, seq, encrypted = false }] of Object.entries(stored))
      this.add(channelId, name, seq, encrypted);
  }

  /** Starts to follow a channel after `seq`; a known one keeps its place. */
  add(channelId: string, name: string, seq: number, encrypted: boolean): ChannelCursor {
    if (encrypted) this.encrypted.add(channelId);
    let cursor = this.cursors.get(channelId);
    if (cursor === undefined) {
      cursor = new ChannelCursor(
        channelId,
        name,
        seq,
        (event) => this.pass(event),
        (behind) => this.catchUp(behind),
      );
      this.cursors.set(channelId, cursor);
      this.isStored = false;
      this.storeSoon();
      this.replayEarly(cursor);
    }
    return cursor;
  }

  private replayEarly(cursor: ChannelCursor): void {
    const mine = this.early.filter(({ data }) => data.channel_id === cursor.channelId);
    this.early = this.early.filter(({ data }) => data.channel_id !== cursor.channelId);
    for (const event of mine) cursor.accept(event);
  }

  /** Nobody can turn an encrypted channel into a readable one: the mode is part of the genesis, which the id is the hash of. */
  isEncrypted(channelId: string): boolean {
    return this.encrypted.has(channelId);
  }

  keepOnly(channelIds: ReadonlySet<string>): void {
    for (const channelId of [...this.cursors.keys()]) if (!channelIds.has(channelId)) this.remove(channelId);
  }

  remove(channelId: string): void {
    this.cursors.get(channelId)?.stop();
    this.cursors.delete(channelId);
    this.updates.delete(channelId);
    this.storeSoon();
  }

  has(channelId: string): boolean {
    return this.cursors.has(channelId);
  }

  /** For `resume`: the last `seq` of each channel. */
  positions(): Record<string, number> {
    return Object.fromEntries([...this.cursors].map(([channelId, cursor]) => [channelId, cursor.lastSeq]));
  }

  handle(event: Extract<ServerEvent, { event: 'message' | 'message_hidden' | 'resume_gap' }>): void {
    if (event.event === 'resume_gap') this.cursors.get(event.data.channel_id)?.gap();
    else this.handleEntry(event);
  }

  private handleEntry(event: EntryEvent): void {
    const cursor = this.cursors.get(event.data.channel_id);
    if (cursor !== undefined) return cursor.accept(event);
    this.early.push(event);
    if (this.early.length > MAX_EARLY) this.early.shift();
  }

  /** False for a change that was told before. */
  isNewUpdate({ channel_id, seq }: ChannelUpdate): boolean {
    if (seq <= (this.updates.get(channel_id) ?? 0)) return false;
    this.updates.set(channel_id, seq);
    return true;
  }

  private pass(event: EntryEvent): void {
    this.storeSoon();
    this.handlers.deliver(event, this.encrypted.has(event.data.channel_id));
  }

  private async catchUp(cursor: ChannelCursor): Promise<void> {
    for (;;) {
      const page = await this.handlers.readHistory(cursor.channelId, cursor.lastSeq);
      if (page.last_seq === null) return;
      cursor.fill(
        page.messages.map((message) => asEvent(message)),
        page.last_seq,
      );
      if (!page.has_more) return;
    }
  }

  private storeSoon(): void {
    // A storage that fails is tried again with the next event.
    this.storing ??= setTimeout(() => void this.store().catch(() => undefined), STORE_PAUSE_MS);
  }

  /** Before anybody relies on following a channel: after a crash it would begin with what comes then. */
  async storeNew(): Promise<void> {
    if (!this.isStored) await this.store();
  }

  /** Writes the cursors now. */
  async store(): Promise<void> {
    clearTimeout(this.storing);
    this.storing = undefined;
    const entries = [...this.cursors].map(([id, cursor]) => [id, this.stored(id, cursor)] as const);
    const writes = this.storage.set(STORE_KEY, Object.fromEntries(entries));
    // One that is added while this is written needs the next.
    this.isStored = true;
    await writes.catch((error: unknown) => {
      this.isStored = false;
      throw error;
    });
  }

  /** No further than what was dealt with: the rest comes again after a crash. */
  private stored(channelId: string, { name, lastSeq }: ChannelCursor): StoredCursor {
    const pending = this.handlers.pendingSeq(channelId);
    const seq = pending === undefined ? lastSeq : Math.min(lastSeq, pending - 1);
    return { name, seq, ...(this.encrypted.has(channelId) ? { encrypted: true } : {}) };
  }
}

function asEvent(message: DeliveredMessage): EntryEvent {
  const { channel, channel_id, node } = message;
  return { event: 'message', data: { channel, channel_id, seq: node.seq, message } };
}
