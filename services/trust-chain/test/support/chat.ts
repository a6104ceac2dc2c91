import { AUTH, CHANNEL, type DeviceLog, type Entry, type NodeInfo, type NodePolicy } from '@dcp/contracts';
import {
  formatKey,
  generateEd25519KeyPair,
  packContent,
  randomBytes,
  sealMessage,
  SenderKey,
  signDigest,
  toBase32,
  toBase64,
  toUtf8,
} from '@dcp/crypto';
import type { Bus } from '@dcp/node-kit';
import {
  canonicalJson,
  DcpError,
  type KeyRotation,
  messageSigningInput,
  sealedAdditionalData,
  type StoredMessage,
} from '@dcp/protocol';
import type { TrustNode } from './world.js';

export const newId = (kind: 'msg' | 'dev') => `${kind}_${toBase32(randomBytes(10))}`;
export const newChannel = () => `ch_${toBase32(randomBytes(40)).slice(0, 52)}`;

/** What was written, and the key that only its readers have. */
export interface Written {
  message: StoredMessage;
  /** base64 */
  key: string;
}

/** Somebody who writes, with one device and one sender key. */
export class Author {
  readonly device = newId('dev');
  readonly log: DeviceLog;
  readonly #identity = generateEd25519KeyPair();
  readonly #pair = generateEd25519KeyPair();
  readonly #chain = SenderKey.create(0);

  constructor(readonly userId: string) {
    const entry = {
      ...{ user_id: userId, seq: 1, prev: null, action: 'add' as const, device: this.device },
      signing_key: formatKey('ed25519', this.#pair.publicKey),
      exchange_key: `x25519:${toBase64(randomBytes(32))}`,
      created: '2025-12-01T00:00:00.000Z',
      signature: `ed25519:${toBase64(randomBytes(64))}`,
    };
    const public_key = formatKey('ed25519', this.#identity.publicKey);
    this.log = { user_id: userId, public_key, entries: [entry], has_more: false };
  }

  revoke(created: string): void {
    const [first] = this.log.entries;
    if (first === undefined) return;
    const { signing_key: _s, exchange_key: _e, ...rest } = first;
    this.log.entries.push({ ...rest, seq: 2, action: 'revoke', created });
  }

  signed(message: Omit<StoredMessage, 'signature'>): StoredMessage {
    const signature = signDigest(this.#pair.seed, messageSigningInput(message as StoredMessage));
    return { ...message, signature } as StoredMessage;
  }

  /** Encrypted; `timestamp` ISO. */
  write(channel_id: string, text: string, timestamp = '2026-01-01T00:00:00.000Z'): Written {
    const { n, conversationKey } = this.#chain.next();
    const key_id = this.#chain.keyId;
    const frame = { ...this.#frame(channel_id, timestamp), key_id, epoch: 0, n };
    const content = toUtf8(canonicalJson({ text, format: 'plain', heads: 'AAAA' }));
    const sealed = sealMessage(conversationKey, packContent(content), toUtf8(sealedAdditionalData(frame)));
    const { device, epoch } = frame;
    const algorithm = 'chacha20-poly1305' as const;
    const encryption = { algorithm, key_id, nonce: toBase64(sealed.nonce), device, epoch, n };
    const message = this.signed({
      ...this.#frame(channel_id, timestamp, frame.id),
      content: { ciphertext: toBase64(sealed.ciphertext) },
      encryption,
      metadata: {},
    });
    return { message, key: toBase64(conversationKey) };
  }

  /** Readable by the node. */
  writePlain(channel_id: string, text: string): StoredMessage {
    const encryption = { algorithm: 'none' as const, key_id: 'none', nonce: '' };
    const content = { text, format: 'plain' };
    return this.signed({ ...this.#frame(channel_id), content, encryption, metadata: { client: 'test' } });
  }

  #frame(channel_id: string, timestamp = '2026-01-01T00:00:00.000Z', id = newId('msg')) {
    return { channel_id, id, type: 'text' as const, timestamp, author: this.userId, device: this.device };
  }
}

/** The places of auth and channel service at one node: who is known there, and what stands in its channels. */
export class Chat {
  readonly authors = new Map<string, Author>();
  readonly #channels = new Map<string, { members: Set<string>; entries: Entry[] }>();
  /** Set: the channel service answers this. */
  down: DcpError | undefined;
  asked = 0;
  /** Of the node's own key, as its document says. */
  readonly rotations: KeyRotation[] = [];
  readonly #buses: Bus[] = [];

  static async open(node: TrustNode): Promise<Chat> {
    const chat = new Chat();
    const [auth, channel] = [await node.connect('auth'), await node.connect('channel')];
    auth.serve(AUTH.deviceLogs, ({ users }) => ({ logs: users.flatMap((one) => chat.#log(one)) }), 'auth');
    const info = { info: {} as NodeInfo, policy: {} as NodePolicy };
    auth.serve(AUTH.node, () => ({ document: { rotations: chat.rotations }, ...info }), 'auth');
    channel.serve(CHANNEL.history, (request) => chat.#history(request), 'channel');
    channel.serve(CHANNEL.range, (request) => chat.#range(request), 'channel');
    await Promise.all([auth.flush(), channel.flush()]);
    chat.#buses.push(auth, channel);
    return chat;
  }

  async close(): Promise<void> {
    for (const bus of this.#buses) await bus.close();
  }

  author(userId: string): Author {
    const author = new Author(userId);
    this.authors.set(userId, author);
    return author;
  }

  channel(...members: string[]): string {
    const id = newChannel();
    this.#channels.set(id, { members: new Set(members), entries: [] });
    return id;
  }

  leave(channelId: string, userId: string): void {
    this.#channels.get(channelId)?.members.delete(userId);
  }

  /** As the channel service orders it. */
  post(message: StoredMessage): void {
    const entries = this.#channels.get(message.channel_id)?.entries ?? [];
    const { id, type, author, timestamp: received_at } = message;
    entries.push({ seq: entries.length + 1, id, type, author, received_at, body: canonicalJson(message) });
  }

  wipe(message: StoredMessage): void {
    const entry = this.#channels.get(message.channel_id)?.entries.find(({ id }) => id === message.id);
    if (entry !== undefined) Object.assign(entry, { author: '', body: '' });
  }

  #log({ user_id, after = 0 }: { user_id: string; after?: number | undefined }): DeviceLog[] {
    const log = this.authors.get(user_id)?.log;
    return log === undefined
      ? []
      : [{ ...log, entries: log.entries.slice(after, after + 1), has_more: after + 1 < log.entries.length }];
  }

  #visible(channelId: string, userId: string | undefined) {
    this.asked++;
    if (this.down !== undefined) throw this.down;
    const channel = this.#channels.get(channelId);
    if (channel === undefined || userId === undefined || !channel.members.has(userId))
      throw new DcpError('CHANNEL_NOT_FOUND');
    return channel.entries;
  }

  #history({
    channel_id,
    user_id,
    before,
    limit,
  }: {
    channel_id: string;
    user_id: string;
    before?: string | undefined;
    limit: number;
  }) {
    const entries = this.#visible(channel_id, user_id);
    const at = entries.findIndex(({ id }) => id === before);
    if (at < 0) throw new DcpError('MESSAGE_NOT_FOUND');
    return { name: '#room', entries: entries.slice(Math.max(0, at - limit), at), has_more: at > limit };
  }

  #range({
    channel_id,
    user_id,
    after,
    limit,
  }: {
    channel_id: string;
    user_id?: string | undefined;
    after: number;
    limit: number;
  }) {
    const entries = this.#visible(channel_id, user_id);
    return { channel_id, name: '#room', entries: entries.slice(after, after + limit), head: entries.length };
  }
}
