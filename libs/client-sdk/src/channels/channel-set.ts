import type { DeliveredMessage, ServerEvent } from '@dcp/protocol';
import type { EventHub } from '../events.js';
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

export type ReadHistory = (channelId: string, after: number) => Promise<HistoryAnswer>;

/** The channels that a client hears, and how far it has seen each of them. */
export class ChannelSet {
  private readonly cursors = new Map<string, ChannelCursor>();
  private readonly updates = new Map<string, number>();
  private early: EntryEvent[] = [];
  private storing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly storage: Storage,
    private readonly events: EventHub,
    private readonly readHistory: ReadHistory,
  ) {}

  async load(): Promise<void> {
    const stored = (await this.storage.get<Record<string, { name: string; seq: number }>>(STORE_KEY)) ?? {};
    for (const [channelId, { name, seq }] of Object.entries(stored)) this.add(channelId, name, seq);
  }

  /** Starts to follow a channel after `seq`; a known one keeps its place. */
  add(channelId: string, name: string, seq: number): ChannelCursor {
    let cursor = this.cursors.get(channelId);
    if (cursor === undefined) {
      cursor = new ChannelCursor(
        channelId,
        name,
        seq,
        (event) => this.deliver(event),
        (behind) => this.catchUp(behind),
      );
      this.cursors.set(channelId, cursor);
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

  remove(channelId: string): void {
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

  handle(event: ServerEvent): void {
    if (event.event === 'message' || event.event === 'message_hidden') this.handleEntry(event);
    else if (event.event === 'resume_gap') this.cursors.get(event.data.channel_id)?.gap();
    else if (event.event === 'channel_update') this.update(event);
  }

  private handleEntry(event: EntryEvent): void {
    const cursor = this.cursors.get(event.data.channel_id);
    if (cursor !== undefined) return cursor.accept(event);
    this.early.push(event);
    if (this.early.length > MAX_EARLY) this.early.shift();
  }

  private update({ data }: Extract<ServerEvent, { event: 'channel_update' }>): void {
    if (data.seq <= (this.updates.get(data.channel_id) ?? 0)) return;
    this.updates.set(data.channel_id, data.seq);
    this.events.emit('channelUpdate', data);
  }

  private deliver(event: EntryEvent): void {
    this.storeSoon();
    const { channel, channel_id: channelId, seq } = event.data;
    if (event.event === 'message')
      this.events.emit('message', { channel, channelId, seq, message: event.data.message });
    else this.events.emit('hidden', { channel, channelId, seq });
  }

  private async catchUp(cursor: ChannelCursor): Promise<void> {
    for (;;) {
      const page = await this.readHistory(cursor.channelId, cursor.lastSeq);
      if (page.last_seq === null) return;
      cursor.fill(
        page.messages.map((message) => asEvent(message)),
        page.last_seq,
      );
      if (!page.has_more) return;
    }
  }

  private storeSoon(): void {
    this.storing ??= setTimeout(() => void this.store(), STORE_PAUSE_MS);
  }

  /** Writes the cursors now. */
  async store(): Promise<void> {
    clearTimeout(this.storing);
    this.storing = undefined;
    const entries = [...this.cursors].map(([id, { name, lastSeq }]) => [id, { name, seq: lastSeq }] as const);
    await this.storage.set(STORE_KEY, Object.fromEntries(entries));
  }
}

function asEvent(message: DeliveredMessage): EntryEvent {
  const { channel, channel_id, node } = message;
  return { event: 'message', data: { channel, channel_id, seq: node.seq, message } };
}
