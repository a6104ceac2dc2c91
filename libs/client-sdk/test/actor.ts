import { formatKey, generateEd25519KeyPair, type SecretBytes } from '@dcp/crypto';
import { DcpError, type DeliveredMessage, type DeviceEntry, type ServerEvent } from '@dcp/protocol';
import { writeMessage } from '../src/channels/compose.js';
import { EncryptionEngine } from '../src/e2ee/encryption-engine.js';
import { newGroupName, StateChanges } from '../src/e2ee/state-changes.js';
import { dmChannelId } from '../src/e2ee/channel-chain.js';
import { EventHub, type ClientEvents } from '../src/events.js';
import type { OpenIdentity } from '../src/identity/identity-file.js';
import { newDevice, revocationOf, type Device } from '../src/session/device.js';
import { MemoryStorage, type Storage } from '../src/storage/storage.js';
import type { Listener, ScriptedNode } from './scripted-node.js';

export const NODE_ID = 'n0000000';

/** What came of a message at one device. */
export interface Heard {
  id: string;
  author: string;
  text: string | undefined;
  fault?: string;
}

/** A user's account at a scripted node: his identity, and the log of his devices. */
export class Person {
  readonly userId: string;
  readonly identity: OpenIdentity;

  constructor(
    readonly node: ScriptedNode,
    name: string,
  ) {
    this.userId = `${NODE_ID}.${name}`;
    const { publicKey, seed } = generateEd25519KeyPair();
    this.identity = identityOf(this.userId, formatKey('ed25519', publicKey), seed);
    node.accounts.set(this.userId, { publicKey: formatKey('ed25519', publicKey), log: [] });
  }

  get log(): DeviceEntry[] {
    return this.node.accounts.get(this.userId)?.log ?? [];
  }

  /** A new device, online. */
  async device(options: { archive?: boolean; storage?: Storage; now?: () => number } = {}): Promise<Actor> {
    const { device, entry } = newDevice(this.identity, this.log.at(-1), 'test');
    this.log.push(entry);
    this.announce();
    const actor = new Actor(this, device, options);
    await actor.engine.online();
    return actor;
  }

  revoke(device: Device): void {
    const head = this.log.at(-1);
    if (head === undefined) return;
    this.log.push(revocationOf(this.identity, head, device.id));
    this.announce();
  }

  announce(): void {
    const data = { user_id: this.userId, seq: this.log.length, hash: '' };
    for (const one of this.node.listeners) one.notify({ event: 'devices_changed', data });
  }
}

/** One device with its encryption, hearing a scripted node. */
export class Actor implements Listener {
  readonly events = new EventHub();
  readonly engine: EncryptionEngine;
  readonly changes: StateChanges;
  readonly heard: Heard[] = [];
  readonly faults: string[] = [];
  /** Messages that could not be read when they came, whatever became of them. */
  readonly unreadAtFirst: string[] = [];
  readonly storage: Storage;

  constructor(
    readonly person: Person,
    readonly keys: Device,
    {
      archive = true,
      storage = new MemoryStorage(),
      now = Date.now,
    }: { archive?: boolean; storage?: Storage; now?: () => number } = {},
  ) {
    const { node } = person;
    this.storage = storage;
    const port = node.port(person.userId, keys.id);
    this.engine = new EncryptionEngine({ device: keys, storage, node: port, events: this.events, archive, now });
    this.changes = new StateChanges(keys, NODE_ID, port, this.engine.states, this.engine.directory, now);
    node.listeners.add(this);
    this.listen();
  }

  get userId(): string {
    return this.person.userId;
  }

  get device(): string {
    return this.keys.id;
  }

  private listen(): void {
    this.events.on('message', ({ message, undecryptable }) => {
      if (message.type !== 'system') this.heard.push(heardOf(message, undecryptable?.reason));
      if (undecryptable !== undefined) this.unreadAtFirst.push(message.id);
    });
    this.events.on('decrypted', ({ message }) => {
      const at = this.heard.findIndex(({ id }) => id === message.id);
      this.heard[at] = heardOf(message, undefined);
    });
    for (const event of ['deviceConflict', 'channelConflict', 'keyFault', 'headMismatch'] as const)
      this.events.on(event, (data: ClientEvents[typeof event]) => this.faults.push(faultText(event, data)));
  }

  hear(message: DeliveredMessage): void {
    const { channel, channel_id, node } = message;
    this.engine.reader.accept({ event: 'message', data: { channel, channel_id, seq: node.seq, message } });
  }

  notify(event: { event: string; data: object }): void {
    this.engine.handle(event as ServerEvent);
  }

  async createPrivate(...others: Actor[]): Promise<string> {
    const { channel_id } = await this.changes.create({ visibility: 'private', name: '#secret' });
    for (const other of others) {
      await this.changes.invite(channel_id, other.userId);
      await other.changes.join(channel_id);
    }
    return channel_id;
  }

  async createGroup(...others: Actor[]): Promise<string> {
    const members = others.map(({ userId }) => userId);
    return (await this.changes.create({ visibility: 'group', name: newGroupName(), members })).channel_id;
  }

  async dm(other: { userId: string }): Promise<string> {
    await this.person.node.port(this.userId, this.device).command('create_channel', { channel: `@${other.userId}` });
    const channelId = dmChannelId(this.userId, other.userId);
    await this.engine.states.openDm(channelId, other.userId);
    return channelId;
  }

  /** Encrypts and posts; answers the message's id. */
  async say(channelId: string, text: string): Promise<string> {
    const written = writeMessage(this.keys, channelId, { text });
    const { content, author, timestamp, id, type } = written;
    await this.engine.archive.keepSent(channelId, id, { content, author, timestamp, type });
    for (let attempt = 1; ; attempt++) {
      const message = await this.engine.encryptor.encrypt({ ...written, channelId });
      try {
        this.person.node.post(message);
        return id;
      } catch (error) {
        // As the outbox does: somebody came or went meanwhile.
        if (!(error instanceof DcpError) || attempt === 3) throw error;
        await this.engine.states.refresh(channelId);
      }
    }
  }

  /** Everything that has come was read. */
  async settled(): Promise<void> {
    for (let round = 0; round < 3; round++) {
      await this.engine.queue.drain();
      await this.engine.answers.idle();
      await this.engine.reader.idle();
    }
  }

  texts(): (string | undefined)[] {
    return this.heard.map(({ text, fault }) => text ?? `<${fault}>`);
  }

  stop(): void {
    this.engine.offline();
    void this.engine.archive.flush();
    this.person.node.listeners.delete(this);
  }
}

function heardOf(message: DeliveredMessage, fault: string | undefined): Heard {
  const text = message.content['text'] as string | undefined;
  return { id: message.id, author: message.author, text, ...(fault === undefined ? {} : { fault }) };
}

function faultText(event: string, data: object): string {
  const { reason = '', userId = '' } = data as { reason?: string; userId?: string };
  return [event, reason, userId.slice(9)].filter((part) => part !== '').join(' ');
}

function identityOf(userId: string, publicKey: string, seed: SecretBytes): OpenIdentity {
  const identity = { full_id: userId, home_node_id: NODE_ID, username: userId.slice(9), public_key: publicKey };
  return { file: { identity } as OpenIdentity['file'], seed };
}
