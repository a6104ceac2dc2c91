import { copyFile, mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DcpClient, MemoryStorage, type Device, type OutgoingMessage, type Storage } from '@dcp/client-sdk';
import { FileStorage } from '@dcp/client-sdk/node';
import type { DcpError, PostAck } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { CrashStorage } from './crash-storage.js';
import type { DeviceRecord, Heard } from './sealed-record.js';

export const CLIENT = { name: 'faults', version: '1.0.0', capabilities: ['text', 'e2ee'] };
const STORE = 'store.log';
const GUARD_MS = 30_000;

export interface SealedDeviceOptions {
  /** `user/n` */
  name: string;
  endpoint: string;
  nodeId: string;
  device: Device;
  /** A folder of this device's own: its storage is a file. Without: memory. */
  folder?: string | undefined;
  onSent(message: OutgoingMessage, ack: PostAck): void;
  onFailed(message: OutgoingMessage, error: DcpError): void;
}

/** What was unreadable at first. */
export interface Late {
  channelId: string;
  seq: number;
  reason: string;
  since: number;
  /** When it could be read; undefined: not yet. */
  healed?: number;
}

/** One device of a user, which can be stopped, killed, and set back to an old copy; it notes everything that it was told. */
export class SealedDevice {
  client: DcpClient;
  readonly record: DeviceRecord;
  late: Late[] = [];
  readonly refused: string[] = [];
  readonly noticed = new Map<string, number>();
  /** Channels that the application would show now. */
  readonly shown = new Set<string>();
  private storage: Storage;
  private crashable: CrashStorage;
  private life = 0;
  private run = 0;
  private parting = false;
  private copied: { heard: Heard[]; follows: DeviceRecord['follows']; late: Late[] } = {
    heard: [],
    follows: [],
    late: [],
  };
  private readonly waiting = new Map<string, () => void>();
  /** Resolves when the process that runs now dies. */
  private died = Promise.withResolvers<undefined>();

  constructor(private readonly options: SealedDeviceOptions) {
    const { name, device } = options;
    this.record = { name, userId: device.userId, heard: [], follows: [] };
    this.storage = this.openStorage();
    this.crashable = new CrashStorage(this.storage);
    this.client = this.open();
  }

  get id(): string {
    return this.options.device.id;
  }

  private openStorage(): Storage {
    const { folder } = this.options;
    return folder === undefined ? new MemoryStorage() : new FileStorage(folder);
  }

  private open(): DcpClient {
    const { endpoint, nodeId, device } = this.options;
    const client = new DcpClient({
      endpoint,
      nodeId,
      device,
      clientInfo: CLIENT,
      storage: this.crashable,
      backoff: { initialMs: 200, maxMs: 2_000 },
    });
    this.listen(client, ++this.run);
    return client;
  }

  private listen({ events }: DcpClient, run: number): void {
    const live = () => run === this.run;
    events.on('message', ({ channelId, seq, message, undecryptable }) => {
      if (live()) this.hear(channelId, seq, message, undecryptable?.reason);
    });
    events.on('membership', ({ channel_id, change }) => change === 'left' && this.shown.delete(channel_id));
    events.on('hidden', ({ channelId, seq }) => {
      if (live()) this.record.heard.push({ channelId, seq, id: '', fault: 'hidden', life: this.life });
    });
    events.on('decrypted', ({ channelId, seq, message }) => live() && this.heal(channelId, seq, message));
    events.on('refused', ({ channelId, seq }) => live() && this.refused.push(`${seq} of ${channelId.slice(0, 9)}`));
    for (const event of ['keyFault', 'sessionReset', 'deviceConflict', 'channelConflict', 'headMismatch'] as const)
      events.on(event, (data) => this.notice(event, 'reason' in data ? data.reason : ''));
    events.on('fault', ({ error }) => live() && this.notice('fault', `${error.code} ${JSON.stringify(error.details)}`));
    // What the node has ordered is true whoever asked.
    events.on('sent', ({ message, ack }) => this.done(message, () => this.options.onSent(message, ack)));
    events.on('failed', ({ message, error }) => this.done(message, () => this.options.onFailed(message, error)));
  }

  private notice(event: string, reason: string): void {
    const name = `${event} ${reason}`.trim();
    this.noticed.set(name, (this.noticed.get(name) ?? 0) + 1);
  }

  private hear(
    channelId: string,
    seq: number,
    message: { id: string; type: string; content: Record<string, unknown> },
    fault: string | undefined,
  ): void {
    // Whoever knows of its revocation already gives it no key.
    if (fault === 'no_key' && this.parting) return;
    const text = message.type === 'system' ? undefined : (message.content['text'] as string | undefined);
    this.record.heard.push({ channelId, seq, id: message.id, text, fault, life: this.life });
    this.shown.add(channelId);
    if (fault === undefined) this.healed(channelId, seq);
    else this.late.push({ channelId, seq, reason: fault, since: performance.now() });
  }

  private heal(channelId: string, seq: number, { content }: { content: Record<string, unknown> }): void {
    for (const one of this.record.heard)
      if (one.channelId === channelId && one.seq === seq) one.text = content['text'] as string | undefined;
    this.healed(channelId, seq);
  }

  private healed(channelId: string, seq: number): void {
    for (const one of this.late) if (one.channelId === channelId && one.seq === seq) one.healed ??= performance.now();
  }

  private done(message: OutgoingMessage, tell: () => void): void {
    tell();
    this.waiting.get(message.id)?.();
    this.waiting.delete(message.id);
  }

  /** The first time, or again from what the storage holds. */
  async start(): Promise<void> {
    await this.client.connect();
  }

  /** Everything of each channel from now on has to come. */
  async noteHeads(): Promise<void> {
    for (const { channel_id, last_seq } of await this.client.myChannels()) this.follows(channel_id, last_seq);
  }

  follows(channelId: string, after: number): void {
    this.record.follows.push({ channelId, after });
    this.shown.add(channelId);
  }

  /** The last `seq` of a channel before it heard anything. */
  begins(channelId: string): number {
    const here = (one: { channelId: string }) => one.channelId === channelId;
    const known = this.record.follows.filter(here).map(({ after }) => after);
    return Math.min(...known, ...this.record.heard.filter(here).map(({ seq }) => seq - 1));
  }

  /** Writes a message and waits until the node has answered, or the device was killed. */
  async say(channelId: string, text: string, onWritten: (id: string) => void): Promise<void> {
    const sending = this.client.send(channelId, { text });
    void sending.then(({ id }) => onWritten(id)).catch(() => undefined);
    const written = await Promise.race([sending, this.died.promise]);
    if (written === undefined) return;
    const { id } = written;
    if (this.client.outbox.waiting().some((one) => one.id === id))
      await new Promise<void>((resolve) => this.waiting.set(id, resolve));
  }

  /** Ends in good order and comes back. */
  async restart(): Promise<void> {
    await this.client.disconnect();
    // The process ends here, whatever it has still under way.
    this.crashable.cut();
    this.release();
    await this.reopen();
    await this.start();
  }

  /** Dies in the middle of whatever it does, and comes back after `meanwhile`. */
  async crash(meanwhile: () => Promise<void>): Promise<void> {
    this.die();
    await meanwhile();
    await this.reopen();
    await this.start();
  }

  /** Keeps a copy of the storage as it is now, as a backup program does. */
  async copyStorage(): Promise<void> {
    const { folder = '' } = this.options;
    await mkdir(`${folder}.copy`, { recursive: true });
    await copyFile(join(folder, STORE), join(`${folder}.copy`, STORE));
    const { heard, follows } = this.record;
    this.copied = structuredClone({ heard, follows, late: this.late });
  }

  /** The device is lost and comes back from the copy; its user says so. */
  async restoreCopy(): Promise<void> {
    const { folder = '' } = this.options;
    this.die();
    await (this.storage as FileStorage).close();
    await rename(join(`${folder}.copy`, STORE), join(folder, STORE));
    Object.assign(this.record, { heard: this.copied.heard, follows: this.copied.follows });
    this.late = this.copied.late;
    await this.reopen();
    await this.client.encryption.restored();
    await this.start();
    // Channels that it has entered since the copy was made it follows from now on.
    await eventually(() => this.noteHeads(), GUARD_MS);
  }

  private die(): void {
    this.crashable.cut();
    this.run++;
    this.life++;
    void this.client.disconnect();
    this.release();
  }

  /** Nobody waits for what a dead process wanted. */
  private release(): void {
    for (const resolve of this.waiting.values()) resolve();
    this.waiting.clear();
    this.died.resolve(undefined);
    this.died = Promise.withResolvers();
  }

  private async reopen(): Promise<void> {
    if (this.storage instanceof FileStorage) {
      await this.storage.close();
      this.storage = this.openStorage();
    }
    this.crashable = new CrashStorage(this.storage);
    this.client = this.open();
  }

  /** Is about to be revoked: what it cannot read from now on it need not. */
  part(): void {
    this.parting = true;
    this.record.ended ??= this.record.heard.length;
  }

  /** Ends for good. */
  async end(): Promise<void> {
    this.record.ended ??= this.record.heard.length;
    await this.client.disconnect().catch(() => undefined);
    this.crashable.cut();
    this.release();
    if (this.storage instanceof FileStorage) await this.storage.close();
  }
}
