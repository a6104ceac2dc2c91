import {
  asDcpError,
  DcpError,
  MAX_PAGE,
  type AccountType,
  type ClientInfo,
  type DeliveredMessage,
  type EncryptionMode,
  type MessageStatus,
  type PostAck,
  type Presence,
  type ServerEvent,
  type SignedMessage,
  type Visibility,
} from '@dcp/protocol';
import { moveAccount, type AccountMove, type MovedAccount } from './account-move.js';
import type { EntryEvent } from './channels/channel-cursor.js';
import { ChannelSet } from './channels/channel-set.js';
import { signPlain, writeMessage, type Draft } from './channels/compose.js';
import { ChainError } from './e2ee/channel-chain.js';
import { EncryptionEngine } from './e2ee/encryption-engine.js';
import type { Found } from './e2ee/archive.js';
import type { ReadMessage } from './e2ee/message-reader.js';
import type { NodePort } from './e2ee/node-port.js';
import { ReadableKeeper } from './e2ee/readable-keeper.js';
import { reportMessage, type ReportReason, type ReportReceipt } from './report.js';
import { Rooms } from './rooms.js';
import { People } from './people.js';
import { EventHub, type ConnectionState } from './events.js';
import { Outbox, PREPARED_AGAIN, type OutgoingMessage } from './outbox/outbox.js';
import { deviceKey, type Device } from './session/device.js';
import { SessionKeeper, type StoredSession } from './session/session-keeper.js';
import { MemoryStorage, type Storage } from './storage/storage.js';
import { backoffDelay, type BackoffSettings } from './transport/backoff.js';
import { Connection } from './transport/connection.js';
import { HttpApi, type HttpRequest } from './transport/http.js';

export interface ClientOptions {
  /** `wss://host` of the home node, from the identity file. */
  endpoint: string;
  nodeId: string;
  /** A device that is in the user's device log (`addDevice`). */
  device: Device;
  clientInfo?: ClientInfo;
  /** Default: memory. */
  storage?: Storage;
  /** Of the identity file; `minimal` and `temporary` accounts keep no archive and no backup. Default `standard`. */
  accountType?: AccountType;
  /** Keep what was read and written, sealed, on this device and backed up at the node (default: on for standard accounts). */
  archive?: boolean;
  /** A session of an earlier run, and where to put newer ones. */
  session?: StoredSession;
  onSession?: (session: StoredSession) => void;
  backoff?: BackoffSettings;
}

export interface HistoryPage {
  messages: ReadMessage[];
  has_more: boolean;
  next_cursor: string | null;
}

export interface ChannelSummary {
  id: string;
  channel_id: string;
  name: string;
  description: string;
  member_count: number;
  last_activity: string;
  encryption: EncryptionMode;
}

/** A channel that one is in. */
export interface MyChannel {
  /** As one sees it: `#name`, or `@user-id` of a DM. */
  id: string;
  channel_id: string;
  last_seq: number;
  encryption: EncryptionMode;
  visibility: Visibility;
}

/** How long a disconnect waits for what is under way. */
const SETTLE_MS = 2_000;

const CLIENT_INFO: ClientInfo = { name: 'dcp-sdk', version: '0.2.0', capabilities: ['text', 'e2ee'] };

/**
 * A user's client: logs in, stays connected (§14.3), delivers every message once and in order, decrypted where the channel is `e2ee`, and
 * keeps what is written until the node has it. `ready()` of the crypto library must have been awaited.
 */
export class DcpClient {
  readonly events = new EventHub();
  readonly http: HttpApi;
  readonly sessions: SessionKeeper;
  readonly outbox: Outbox;
  readonly encryption: EncryptionEngine;
  /** Channels: making, joining, inviting, and what encryption needs of that. */
  readonly rooms: Rooms;
  /** Other users: verification, safety numbers, what to do when an identity has changed. */
  readonly people: People;
  private readonly readable: ReadableKeeper;
  private readonly connection: Connection;
  private readonly channels: ChannelSet;
  private readonly storage: Storage;
  private readonly clientName: string;
  private readonly node: NodePort;
  private outboxTimer: ReturnType<typeof setTimeout> | undefined;
  private outboxAttempts = 0;
  private loaded: Promise<void> | undefined;
  private started = false;

  constructor(private readonly options: ClientOptions) {
    const { device, endpoint, nodeId, clientInfo: info = CLIENT_INFO, accountType = 'standard' } = options;
    this.clientName = `${info.name}/${info.version}`;
    this.http = new HttpApi(endpoint);
    const publicKey = deviceKey(device);
    const credentials = { userId: device.userId, nodeId, endpoint, device: device.id, publicKey, seed: device.seed };
    this.sessions = new SessionKeeper(this.http, credentials, info, options.onSession);
    if (options.session !== undefined) this.sessions.adopt(options.session);
    const node: NodePort = {
      command: <T>(command: string, data: object) => this.command(command, data) as Promise<T>,
      rest: <T>(path: string, request?: Omit<HttpRequest, 'token'>) => this.call<T>(path, request),
    };
    this.node = node;
    this.encryption = new EncryptionEngine({
      device,
      storage: options.storage ?? new MemoryStorage(),
      node,
      events: this.events,
      archive: options.archive ?? accountType === 'standard',
    });
    this.storage = this.encryption.storage;
    this.readable = new ReadableKeeper(this.encryption.archive);
    this.channels = new ChannelSet(this.storage, {
      readHistory: (channel, after) => this.readForward(channel, after),
      deliver: (event, encrypted) => this.deliver(event, encrypted),
      pendingSeq: (channelId) => this.encryption.reader.pendingSeq(channelId),
    });
    this.outbox = new Outbox(this.storage, {
      prepare: (written) => this.prepare(written),
      send: (message) => this.post(message),
      beforeRetry: (written, error) => this.beforeRetry(written, error),
      onOutcome: (message, outcome) => {
        if ('sent' in outcome) this.events.emit('sent', { message, ack: outcome.sent });
        else this.events.emit('failed', { message, error: outcome.failed });
      },
    });
    this.rooms = new Rooms(device, nodeId, endpoint, node, this.encryption, this.channels);
    this.people = new People(device.userId, this.encryption);
    this.connection = new Connection(
      endpoint,
      this.sessions,
      {
        load: () => this.load(),
        resume: () => this.resume(),
        onEvent: (event) => this.receive(event),
        onState: (state) => this.stateChanged(state),
        onEnded: (error) => this.events.emit('ended', { error }),
      },
      options.backoff,
    );
  }

  get userId(): string {
    return this.options.device.userId;
  }

  get endpoint(): string {
    return this.options.endpoint;
  }

  get state(): ConnectionState {
    return this.connection.state;
  }

  /** Connects and stays connected until `disconnect`. Resolves when the client is online for the first time; rejects when the login is refused. */
  async connect(): Promise<void> {
    this.started = true;
    const online = this.events.next('state', (state) => state === 'online');
    const ended = this.events.next('ended').then(({ error }) => Promise.reject(error));
    this.connection.start();
    await Promise.race([online, ended]);
  }

  /** Closes the socket and writes down how far the channels were read. What waits in the outbox stays there; the storage is the caller's to close. */
  async disconnect(): Promise<void> {
    if (!this.started) return;
    this.started = false;
    clearTimeout(this.outboxTimer);
    this.outboxTimer = undefined;
    // What the last acknowledged hand-overs changed should reach the backup; a node that is away must not hold us.
    if (this.connection.isOpen) await this.encryption.backup.flush().catch(() => undefined);
    this.connection.stop();
    this.encryption.offline();
    // What is under way ends with the socket; a call over HTTP may take longer than anybody wants to wait.
    await Promise.race([this.settled(), new Promise((resolve) => setTimeout(resolve, SETTLE_MS))]);
    await this.readable.store();
    await this.encryption.archive.flush();
    await this.channels.store();
  }

  private async settled(): Promise<void> {
    await this.outbox.idle();
    await this.encryption.idle();
  }

  private stateChanged(state: ConnectionState): void {
    if (state === 'online') this.flushSoon();
    else this.encryption.offline();
    this.events.emit('state', state);
  }

  private load(): Promise<void> {
    this.loaded ??= Promise.all([this.channels.load(), this.outbox.load()]).then(() => undefined);
    return this.loaded;
  }

  /** Keys first, then every channel one is in: known ones where they were left, new ones from now. */
  private async resume(): Promise<void> {
    await this.encryption.online();
    const mine = await this.myChannels();
    for (const { channel_id, id, last_seq, encryption } of mine)
      this.channels.add(channel_id, id, last_seq, encryption !== 'node');
    this.channels.keepOnly(new Set(mine.map(({ channel_id }) => channel_id)));
    await this.channels.storeNew();
    await this.command('resume', { channels: this.channels.positions() });
  }

  private receive(event: ServerEvent): void {
    if (event.event === 'user_status') this.events.emit('userStatus', event.data);
    else if (event.event === 'typing') this.events.emit('typing', event.data);
    else if (event.event === 'membership') this.membershipChanged(event.data);
    else if (event.event === 'invitation') this.events.emit('invitation', event.data);
    else if (event.event === 'message_status')
      void this.refusedLater(event.data).catch((error: unknown) => this.fault(error));
    else if (event.event === 'session') this.sessionEvent(event.data.reason);
    else if (event.event === 'channel_update') this.channelUpdate(event);
    else if (event.event === 'message' || event.event === 'message_hidden' || event.event === 'resume_gap')
      this.channels.handle(event);
    else this.encryption.handle(event);
  }

  private channelUpdate(event: Extract<ServerEvent, { event: 'channel_update' }>): void {
    if (this.channels.isNewUpdate(event.data)) this.events.emit('channelUpdate', event.data);
  }

  private membershipChanged(data: { channel: string; channel_id: string; change: 'joined' | 'left' }): void {
    if (data.change === 'left') this.rooms.left(data.channel_id);
    else if (!this.channels.has(data.channel_id)) void this.rooms.follow(data.channel_id).catch(() => undefined);
    this.events.emit('membership', data);
  }

  private sessionEvent(reason: 'refresh_required' | 'revoked' | 'expired'): void {
    if (reason !== 'refresh_required') this.sessions.invalidate();
    void this.connection.renew();
  }

  private deliver(event: EntryEvent, encrypted: boolean): void {
    if (encrypted) return this.encryption.reader.accept(event);
    const { channel, channel_id: channelId, seq } = event.data;
    if (event.event === 'message') this.readable.add(event.data.message);
    if (event.event === 'message')
      this.events.emit('message', { channel, channelId, seq, message: event.data.message });
    else this.events.emit('hidden', { channel, channelId, seq });
  }

  /** Any command of §7.3; rejects with the node's error. */
  command(command: string, data: object): Promise<Record<string, unknown>> {
    return this.connection.command(command, data);
  }

  /** A REST call under the current session. */
  async call<T>(
    path: string,
    request: { method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; body?: unknown } = {},
  ): Promise<T> {
    return await this.http.call<T>(path, { ...request, token: await this.sessions.token() });
  }

  /** Joins and follows a channel by name, id or link; `channelId` is what messages are addressed to. `via`: see `Rooms.join`. */
  join(channel: string, more: { via?: string } = {}): Promise<{ channel: string; channelId: string; head: number }> {
    return this.rooms.join(channel, more);
  }

  leave(channel: string): Promise<void> {
    return this.rooms.leave(channel);
  }

  /** A public channel: `e2ee` unless `encryption: 'node'` lets the node read it (profile §5). */
  create(
    channel: string,
    more: { name?: string; description?: string; encryption?: EncryptionMode } = {},
  ): Promise<{ channel: string; channelId: string }> {
    return this.rooms.createPublic(channel, more);
  }

  /**
   * Writes a message into the outbox and sends it as soon as there is a way. Resolves at once with the message (to be shown); `sent` or
   * `failed` follows as an event.
   */
  async send(channelId: string, draft: Draft): Promise<OutgoingMessage> {
    await this.load();
    const written = writeMessage(this.options.device, channelId, draft);
    await this.outbox.add(written);
    if (this.connection.isOpen) this.flushSoon();
    return written;
  }

  /** As `send`, but resolves when the node has ordered the message and rejects when it refuses it. */
  async sendAndWait(channelId: string, draft: Draft): Promise<PostAck> {
    const message = await this.send(channelId, draft);
    const sent = this.events.next('sent', (event) => event.message.id === message.id).then(({ ack }) => ack);
    const failed = this.events
      .next('failed', (event) => event.message.id === message.id)
      .then(({ error }) => Promise.reject(error));
    return await Promise.race([sent, failed]);
  }

  private async post(message: SignedMessage): Promise<PostAck> {
    try {
      return (await this.command('send_message', message)) as unknown as PostAck;
    } catch (error) {
      const sent = await this.sentBefore(message, asDcpError(error));
      if (sent === undefined) throw error;
      return sent;
    }
  }

  /** An old copy of the storage does not know what became of a message: it was sent under this id since, encrypted another time. */
  private async sentBefore(
    { id, author, channel_id = '' }: SignedMessage,
    error: DcpError,
  ): Promise<PostAck | undefined> {
    const { reason, seq } = error.details;
    if (error.code !== 'CONFLICT' || reason !== 'id_used' || typeof seq !== 'number') return undefined;
    const { messages } = await this.readForward(channel_id, seq - 1, 1);
    const found = messages.find((message) => message.id === id && message.author === author);
    return found && { message_id: id, seq: found.node.seq, timestamp: found.timestamp, state: 'ordered' };
  }

  private async prepare(written: OutgoingMessage): Promise<SignedMessage> {
    const { channel_id: channelId, content, ...rest } = written;
    if (!this.channels.isEncrypted(channelId)) {
      await this.encryption.modes.requireReadable(channelId);
      return signPlain(this.options.device, written, this.clientName);
    }
    const { author, timestamp, id } = rest;
    await this.encryption.archive.keepSent(channelId, id, { content, author, timestamp, type: rest.type });
    try {
      return await this.encryption.encryptor.encrypt({ ...rest, channelId, content });
    } catch (error) {
      if (error instanceof ChainError)
        throw new DcpError('CONFLICT', { reason: 'channel_conflict', fault: error.fault });
      throw error;
    }
  }

  private async beforeRetry({ channel_id }: OutgoingMessage, error: DcpError): Promise<void> {
    if (error.code === 'CONFLICT') await this.encryption.states.refresh(channel_id);
  }

  /** A storage that fails here is told: what is written stays in it. */
  private flushSoon(): void {
    void this.flushOutbox().catch((error: unknown) => this.fault(error));
  }

  private fault(error: unknown): void {
    this.events.emit('fault', { error: asDcpError(error) });
  }

  /** A message that had waited at the node for another one: members came or went meanwhile, so it is encrypted anew; else it failed. */
  private async refusedLater({ channel_id, message_id, error }: MessageStatus): Promise<void> {
    const { id: device, userId: author } = this.options.device;
    const archived = await this.encryption.archive.find(channel_id, message_id);
    const content = archived?.content ?? {};
    const timestamp = new Date().toISOString();
    const written = { id: message_id, type: 'text' as const, author, device, channel_id, timestamp, content };
    const refusal = DcpError.fromBody({ ...error });
    if (archived === undefined || !PREPARED_AGAIN.has(String(refusal.details['reason'])))
      this.events.emit('failed', { message: written, error: refusal });
    else {
      await this.encryption.states.refresh(channel_id);
      await this.outbox.add(written);
      this.flushSoon();
    }
    // Written down here: the node need not tell it again.
    await this.command('ack_status', { message_ids: [message_id] }).catch(() => undefined);
  }

  /** What the node cannot take now is tried again by itself, not before the time that it told (§14.3). */
  private async flushOutbox(): Promise<void> {
    if (this.outboxTimer !== undefined) return;
    const stopped = await this.outbox.flush();
    if (stopped === undefined) {
      this.outboxAttempts = 0;
      return;
    }
    // Without a way the reconnect flushes, unless it was faster than the news that the old way is gone.
    const unreachable = stopped.code === 'NODE_UNREACHABLE' && !this.connection.isOpen;
    if (unreachable || !this.connection.isWanted || this.outboxTimer !== undefined) return;
    // A session that is over is renewed first.
    if (stopped.code === 'SESSION_EXPIRED') void this.connection.renew();
    const told = Number(stopped.details['retry_after'] ?? 0) * 1000;
    const wait = Math.max(told, backoffDelay(this.outboxAttempts++, this.options.backoff));
    this.outboxTimer = setTimeout(() => {
      this.outboxTimer = undefined;
      this.flushSoon();
    }, wait);
  }

  /**
   * This account goes on as that of `move.next`, at another node: makes the record, which both identities sign, gives it to this node, and lets
   * the new account join the public channels. This one can be logged in to until `until`. Final, but may be repeated, and pointed elsewhere.
   */
  moveAccount(move: AccountMove): Promise<MovedAccount> {
    return moveAccount(this, move);
  }

  /** The node's directory: public channels. */
  async listChannels(): Promise<ChannelSummary[]> {
    return (await this.call<{ channels: ChannelSummary[] }>('/channels')).channels;
  }

  /** The channels one is in, private ones and DMs included. */
  async myChannels(): Promise<MyChannel[]> {
    return (await this.call<{ channels: MyChannel[] }>('/accounts/me/channels')).channels;
  }

  /** A page of history, ascending, decrypted; pass `next_cursor` as `before` for the page before it (§8.3). */
  async history(channel: string, options: { limit?: number; before?: string } = {}): Promise<HistoryPage> {
    const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]));
    const page = await this.call<{ messages: DeliveredMessage[]; has_more: boolean; next_cursor: string | null }>(
      `/channels/${encodeURIComponent(channel)}/messages?${query}`,
    );
    return { ...page, messages: await this.opened(page.messages) };
  }

  /** Searches what this device has read and written, encrypted channels included; newest months first. */
  search(query: string, options: { channelId?: string; limit?: number } = {}): Promise<Found[]> {
    return this.encryption.archive.search(query, options);
  }

  /** Reports a message to those who run one's node; of an encrypted one its key is disclosed to them. See `reportMessage`. */
  report(channelId: string, messageId: string, why: ReportReason): Promise<ReportReceipt> {
    return reportMessage(this.node, this.encryption.disclosure, channelId, messageId, why);
  }

  /** What comes from a channel that is not proven to be readable is read as encrypted. */
  private async opened(messages: readonly DeliveredMessage[]): Promise<ReadMessage[]> {
    const channelId = messages[0]?.channel_id;
    if (channelId === undefined) return [];
    const known = this.channels.isEncrypted(channelId);
    const readable = !known && (await this.encryption.modes.isReadable(channelId));
    return readable ? [...messages] : await this.encryption.reader.readPage(messages);
  }

  private async readForward(channel: string, after: number, limit = MAX_PAGE) {
    const page = await this.command('get_history', { channel, after, limit });
    return page as unknown as { messages: DeliveredMessage[]; last_seq: number | null; has_more: boolean };
  }

  async setStatus(status: Presence, message?: string): Promise<void> {
    await this.command('update_status', message === undefined ? { status } : { status, message });
  }

  /**
   * §10.2 `route_message`: bytes (base64, 60,000 characters at most) for all devices of a user of any node, who hear `routed`. Nothing is
   * encrypted here, and nobody is told who sent them: both are the application's affair. Rejects when his node is away.
   */
  async route(userId: string, encryptedMessage: string): Promise<void> {
    await this.command('route_message', { destination_user: userId, encrypted_message: encryptedMessage });
  }

  async typing(channel: string, typing: boolean): Promise<void> {
    await this.command('typing', { channel, typing });
  }
}
