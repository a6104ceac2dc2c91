import { asDcpError, type DcpError, type DeliveredMessage } from '@dcp/protocol';
import type { EntryEvent } from '../channels/channel-cursor.js';
import type { EventHub } from '../events.js';
import type { Storage } from '../storage/storage.js';
import type { Archive, Archived } from './archive.js';
import { ChainError } from './channel-chain.js';
import type { ChannelStates } from './channel-states.js';
import { DecryptError, type DecryptFault } from './decrypt-fault.js';
import { sealedOf, type Decryptor } from './decryptor.js';
import type { KeyRequests } from './key-requests.js';
import type { ReceivedKey, ReceivedKeys } from './received-keys.js';
import { SerialByKey } from './serial.js';
import type { Unread, UnreadMessages } from './unread-messages.js';

export interface ReaderParts {
  userId: string;
  storage: Storage;
  states: ChannelStates;
  decryptor: Decryptor;
  keys: ReceivedKeys;
  archive: Archive;
  unread: UnreadMessages;
  requests: KeyRequests;
  events: EventHub;
  /** Reads this device's queue to its end: hand-overs lie there before what they unlock. */
  drainQueue(): Promise<void>;
  /**
   * Looks for these keys in the own backup: another device of this user may have had them. Answers whether one came. `anew`: chains that
   * are there begin again.
   */
  recover(keyIds: string[], anew: boolean): Promise<boolean>;
  /** Somebody else wrote in a DM. */
  noteAnswer(channelId: string): Promise<void>;
}

/** A message of the history; without content when it cannot be read. */
export interface ReadMessage extends DeliveredMessage {
  undecryptable?: { reason: DecryptFault };
}

interface Line {
  channelId: string;
  waiting: EntryEvent[];
  /** `seq` of what is being read now. */
  reading: number;
  running: Promise<void> | undefined;
  /** How often in a row something failed that no node has explained. */
  failures: number;
}

/** Entries read together: their keys and what they said are written in one go. */
const BATCH = 100;
const MAX_REFUSED = 5_000;
/** A message on which this client itself fails must not stop its channel for good. */
const MAX_FAILURES = 10;

/**
 * Reads the entries of `e2ee` channels in their order. What a message said and the used-up key are written together before anybody is
 * told, so that a crash neither loses a message nor shows it twice.
 */
export class MessageReader {
  private readonly lines = new Map<string, Line>();
  /** Keys that their owners will not give: not asked for again before the next start. */
  private readonly refused = new Set<string>();
  /** A channel's stream, its history and its late keys are read one after the other: each key opens its message once. */
  private readonly reading = new SerialByKey();

  constructor(private readonly parts: ReaderParts) {}

  accept(event: EntryEvent): void {
    const channelId = event.data.channel_id;
    const line = this.lines.get(channelId) ?? { channelId, waiting: [], reading: 0, running: undefined, failures: 0 };
    this.lines.set(channelId, line);
    line.waiting.push(event);
    // After a failure nothing is read before `goOn`: more that comes must not use up its tries.
    if (line.failures === 0) line.running ??= this.run(line);
  }

  /** What the node was needed for and was away: it is tried again. */
  goOn(): void {
    for (const line of this.lines.values()) line.running ??= this.run(line);
  }

  /** The first `seq` that is not done yet; undefined: none waits. */
  pendingSeq(channelId: string): number | undefined {
    const line = this.lines.get(channelId);
    return line === undefined ? undefined : line.reading || line.waiting[0]?.data.seq;
  }

  /** Resolves when everything that has come so far was read. */
  async idle(): Promise<void> {
    await Promise.all([...this.lines.values()].map(({ running }) => running));
  }

  /** A key has come: what it unlocks is read now. */
  async keyArrived(channelId: string, keyId: string): Promise<void> {
    await this.reading.run(channelId, async () => {
      for (const unread of await this.parts.unread.under(keyId)) await this.readLate(unread);
      if ((await this.parts.unread.under(keyId)).length === 0) this.parts.requests.settle(keyId);
    });
  }

  private async readLate({ channel, message }: Unread): Promise<void> {
    const read = await this.readOne(message, false);
    if (read.fault === 'no_key') return;
    const { channel_id: channelId, node } = message;
    if (read.fault === undefined) {
      await this.write([read]);
      await this.index([read]);
    }
    await this.parts.unread.remove(message);
    if (read.fault === undefined)
      this.parts.events.emit('decrypted', { channel, channelId, seq: node.seq, message: read.message });
  }

  /** The owner will not give this key: what waits for it stays unreadable. */
  async keyRefused(keyId: string): Promise<void> {
    this.refused.add(keyId);
    const oldest = this.refused.values().next();
    if (this.refused.size > MAX_REFUSED && oldest.done !== true) this.refused.delete(oldest.value);
    for (const { channel, message } of await this.parts.unread.under(keyId)) {
      await this.parts.unread.remove(message);
      const { channel_id: channelId, node } = message;
      this.parts.events.emit('refused', { channel, channelId, seq: node.seq, id: message.id });
    }
  }

  /**
   * History of an `e2ee` channel: from the archive, else with whatever keys are there; missing ones are asked for, and `decrypted` follows.
   * Nothing that is not encrypted is believed, and of state entries only what their author signed.
   */
  async readPage(messages: readonly DeliveredMessage[]): Promise<ReadMessage[]> {
    const [first] = messages;
    return first === undefined ? [] : await this.reading.run(first.channel_id, () => this.readOld(messages));
  }

  private async readOld(messages: readonly DeliveredMessage[]): Promise<ReadMessage[]> {
    const outcomes: Outcome[] = [];
    for (const message of messages) {
      const isState = message.type === 'system';
      outcomes.push(isState ? await this.readOldState(message) : await this.readOne(message, false));
    }
    await this.write(outcomes);
    await this.readFromBackup(outcomes);
    await this.index(outcomes);
    for (const { message, fault } of outcomes) if (fault === 'no_key') await this.askFor(message);
    return outcomes.map(({ message, fault }) =>
      fault === undefined ? message : { ...message, content: {}, undecryptable: { reason: fault } },
    );
  }

  /** Keys that this device was never given, or that have expired here since: the own backup may have them. */
  private async readFromBackup(outcomes: Outcome[]): Promise<void> {
    for (const fault of ['no_key', 'replayed'] as const) {
      const missing = outcomes.filter((one) => one.fault === fault).map(({ message }) => message.encryption.key_id);
      const unknown = [...new Set(missing)].filter((keyId) => !this.parts.requests.has(keyId));
      if (unknown.length === 0) continue;
      if (!(await this.parts.recover(unknown, fault === 'replayed').catch(() => false))) continue;
      for (const [at, { message, fault: was }] of outcomes.entries())
        if (was === fault) outcomes[at] = await this.readOne(message, false);
      await this.write(outcomes);
    }
  }

  private async readOldState(message: DeliveredMessage): Promise<Outcome> {
    try {
      await this.parts.decryptor.checkAuthor(message);
      return { message, changes: [] };
    } catch (error) {
      if (error instanceof DecryptError) return { message, fault: error.fault, changes: [] };
      throw error;
    }
  }

  private async run(line: Line): Promise<void> {
    while (line.waiting.length > 0) {
      const batch = line.waiting.splice(0, BATCH);
      line.reading = batch[0]?.data.seq ?? 0;
      const left = await this.readBatch(line, batch);
      if (left.length === 0) continue;
      // A node or a storage that fails must not lose what came: it waits for `goOn`, and what came after it too.
      line.waiting.unshift(...left);
      line.reading = 0;
      line.running = undefined;
      return;
    }
    this.lines.delete(line.channelId);
  }

  /** Answers what could not be dealt with now. */
  private readBatch(line: Line, batch: readonly EntryEvent[]): Promise<readonly EntryEvent[]> {
    return this.reading.run(line.channelId, () => this.readNext(line, batch));
  }

  private async readNext(line: Line, batch: readonly EntryEvent[]): Promise<readonly EntryEvent[]> {
    const { outcomes, left } = await this.openBatch(line, batch);
    const read = outcomes.filter((one): one is Outcome => 'message' in one);
    try {
      await this.write(read);
    } catch (error) {
      this.fault(error);
      return batch;
    }
    await this.index(read);
    for (const outcome of outcomes) this.tell(outcome);
    return left;
  }

  /** As far as it can be read now. */
  private async openBatch(line: Line, batch: readonly EntryEvent[]) {
    const outcomes: (Outcome | EntryEvent)[] = [];
    for (const [at, event] of batch.entries()) {
      const outcome = event.event === 'message' ? await this.tryLive(line, event.data.message) : event;
      if (outcome === undefined) return { outcomes, left: batch.slice(at) };
      outcomes.push(outcome);
    }
    return { outcomes, left: [] };
  }

  /** Undefined: not now. What the node will not tell us ever (we are no member any more) leaves the message unproven, and so unreadable. */
  private async tryLive(line: Line, message: DeliveredMessage): Promise<Outcome | undefined> {
    try {
      const outcome = await this.readLive(message);
      line.failures = 0;
      return outcome;
    } catch (thrown) {
      const { retryable, code } = this.fault(thrown);
      const unexplained = code === 'INTERNAL_ERROR';
      if (retryable || code === 'SESSION_EXPIRED') return undefined;
      if (unexplained && ++line.failures < MAX_FAILURES) return undefined;
      return { message, fault: unexplained ? 'malformed' : 'not_a_member', changes: [] };
    }
  }

  private fault(thrown: unknown): DcpError {
    const error = asDcpError(thrown);
    this.parts.events.emit('fault', { error });
    return error;
  }

  private async readLive(message: DeliveredMessage): Promise<Outcome> {
    if (message.type === 'system') return await this.readState(message);
    // Before the key is used: a message whose reading fails later than that opens no more.
    if (message.author !== this.parts.userId) await this.noteDm(message.channel_id);
    let outcome = await this.readOne(message, true);
    if (outcome.fault === 'no_key') {
      await this.parts.drainQueue().catch(() => undefined);
      outcome = await this.readOne(message, true);
    }
    if (outcome.fault === 'no_key' && !this.parts.requests.has(message.encryption.key_id)) {
      const found = await this.parts.recover([message.encryption.key_id], false).catch(() => false);
      if (found) outcome = await this.readOne(message, true);
    }
    if (outcome.fault === 'no_key') await this.askFor(message);
    return outcome;
  }

  private async readState(message: DeliveredMessage): Promise<Outcome> {
    try {
      await this.parts.states.accept(message);
      return { message, changes: [] };
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      return { message, fault: 'malformed', changes: [] };
    }
  }

  private async readOne(message: DeliveredMessage, live: boolean): Promise<Outcome> {
    try {
      return (await this.fromArchive(message)) ?? (await this.decrypted(message, live));
    } catch (error) {
      if (error instanceof DecryptError) return { message, fault: this.faultOf(message, error.fault), changes: [] };
      if (error instanceof ChainError) return { message, fault: 'not_a_member', changes: [] };
      throw error;
    }
  }

  /** What was read before, unless the node gives it another author, time or kind now: then the signature has to tell. */
  private async fromArchive(message: DeliveredMessage): Promise<Outcome | undefined> {
    const archived = await this.parts.archive.find(message.channel_id, message.id);
    if (archived === undefined || !isOf(archived, message)) return undefined;
    return { message: { ...message, content: archived.content }, changes: [] };
  }

  private async decrypted(message: DeliveredMessage, live: boolean): Promise<Outcome> {
    const { author, timestamp, type, channel_id: channelId, id } = message;
    const { content, kept, keyId, key } = await this.parts.decryptor.open(message, live, (content) =>
      this.parts.archive.record(channelId, id, { content, author, timestamp, type }),
    );
    return { message: { ...message, content }, changes: kept === undefined ? [] : [kept], used: [keyId, key] };
  }

  private faultOf({ encryption }: DeliveredMessage, fault: DecryptFault): DecryptFault {
    return fault === 'no_key' && this.refused.has(encryption.key_id) ? 'not_shared' : fault;
  }

  private async askFor(message: DeliveredMessage): Promise<void> {
    await this.parts.unread.add(message);
    const { frame } = sealedOf(message);
    this.parts.requests.want(
      frame.key_id,
      { channelId: frame.channel_id, userId: frame.author, device: frame.device },
      frame.n,
      message.node.seq,
    );
  }

  private async noteDm(channelId: string): Promise<void> {
    const state = await this.parts.states.get(channelId).catch(() => undefined);
    if (state?.visibility === 'dm') await this.parts.noteAnswer(channelId);
  }

  /** A search that misses a message is no reason to lose it. */
  private async index(outcomes: readonly Outcome[]): Promise<void> {
    const read = outcomes.filter(({ message, fault }) => fault === undefined && message.type !== 'system');
    const messages = read.map(({ message: { channel_id: channelId, id, author, timestamp, content, type } }) => {
      return { channelId, id, author, timestamp, content, type };
    });
    await this.parts.archive.addToIndex(messages).catch(() => undefined);
  }

  private async write(outcomes: readonly Outcome[]): Promise<void> {
    const changes = new Map<string, unknown>(outcomes.flatMap((outcome) => outcome.changes));
    const used = new Map(outcomes.flatMap((outcome) => (outcome.used === undefined ? [] : [outcome.used])));
    // One record for each key, as it is after the last of these messages.
    for (const [keyId, key] of used) changes.set(...this.parts.keys.entry(keyId, key));
    if (changes.size === 0) return;
    try {
      await this.parts.storage.apply(changes);
    } catch (error) {
      this.parts.keys.discard(used.keys());
      throw error;
    }
  }

  private tell(outcome: Outcome | EntryEvent): void {
    const { events } = this.parts;
    if (!('changes' in outcome)) {
      const { channel, channel_id: channelId, seq } = outcome.data;
      return events.emit('hidden', { channel, channelId, seq });
    }
    const { message, fault } = outcome;
    const { channel, channel_id: channelId, node } = message;
    if (fault === undefined) return events.emit('message', { channel, channelId, seq: node.seq, message });
    const unreadable = { ...message, content: {} };
    events.emit('message', {
      channel,
      channelId,
      seq: node.seq,
      message: unreadable,
      undecryptable: { reason: fault },
    });
  }
}

/** The archive keeps a message's words under its id: they belong to one author, time and kind. */
function isOf(archived: Archived, { author, timestamp, type }: DeliveredMessage): boolean {
  return archived.author === author && archived.timestamp === timestamp && archived.type === type;
}

interface Outcome {
  message: DeliveredMessage;
  fault?: DecryptFault;
  /** The sender key that opened it. */
  used?: [string, ReceivedKey];
  changes: [string, unknown][];
}
