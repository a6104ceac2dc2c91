import {
  asDcpError,
  type ClientInfo,
  type DeliveredMessage,
  type EncryptionMode,
  type PostAck,
  type Presence,
  type ServerEvent,
} from '@dcp/protocol';
import { moveAccount, type AccountMove, type MovedAccount } from './account-move.js';
import type { ChannelSummary, ClientOptions, HistoryPage, MyChannel } from './client-types.js';
import type { EntryEvent } from './channels/channel-cursor.js';
import { ChannelSet } from './channels/channel-set.js';
import { writeMessage, type Draft } from './channels/compose.js';
import { readForward } from './channels/read-forward.js';
import { Resumption } from './channels/resume.js';
import { EncryptionEngine } from './e2ee/encryption-engine.js';
import type { Found } from './e2ee/archive.js';
import type { ReadMessage } from './e2ee/message-reader.js';
import type { NodePort } from './e2ee/node-port.js';
import { ReadableKeeper } from './e2ee/readable-keeper.js';
import { reportMessage, type ReportReason, type ReportReceipt } from './report.js';
import { Rooms } from './rooms.js';
import { People } from './people.js';
import { EventHub, type ConnectionState } from './events.js';
import type { Outbox, OutgoingMessage } from './outbox/outbox.js';
import { OutboxSender } from './outbox/outbox-sender.js';
import { deviceKey } from './session/device.js';
import { SessionKeeper } from './session/session-keeper.js';
import { MemoryStorage } from './storage/storage.js';
import { Connection } from './transport/connection.js';
import { HttpApi, type HttpRequest } from './transport/http.js';

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
  private readonly resumption: Resumption;
  private readonly sender: OutboxSender;
  private readonly node: NodePort;
  private loaded: Promise<void> | undefined;
  private started = false;

  constructor(private readonly options: ClientOptions) {
    const { device, endpoint, nodeId, clientInfo: info = CLIENT_INFO, accountType = 'standard' } = options;
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
    this.readable = new ReadableKeeper(this.encryption.archive);
    this.channels = new ChannelSet(this.encryption.storage, {
      readHistory: (channel, after) => readForward(node, channel, after),
      deliver: (event, encrypted) => this.deliver(event, encrypted),
      pendingSeq: (channelId) => this.encryption.reader.pendingSeq(channelId),
    });
    this.resumption = new Resumption(node, this.channels, options.backoff);
    this.sender = new OutboxSender({
      device,
      clientName: `${info.name}/${info.version}`,
      node,
      encryption: this.encryption,
      channels: this.channels,
      events: this.events,
      backoff: options.backoff,
      way: () => this.connection,
    });
    this.outbox = this.sender.outbox;
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
    this.sender.stop();
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
    if (state === 'online') this.sender.wake();
    else {
      this.encryption.offline();
      this.resumption.stop();
    }
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
    await this.resumption.start();
  }

  private receive(event: ServerEvent): void {
    if (event.event === 'user_status') this.events.emit('userStatus', event.data);
    else if (event.event === 'typing') this.events.emit('typing', event.data);
    else if (event.event === 'membership') this.membershipChanged(event.data);
    else if (event.event === 'invitation') this.events.emit('invitation', event.data);
    else if (event.event === 'message_status')
      void this.sender.refusedLater(event.data).catch((error: unknown) => this.fault(error));
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
    if (this.connection.isOpen) this.sender.wake();
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

  private fault(error: unknown): void {
    this.events.emit('fault', { error: asDcpError(error) });
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
