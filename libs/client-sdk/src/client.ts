import {
  asDcpError,
  DcpError,
  MAX_PAGE,
  type ClientInfo,
  type DeliveredMessage,
  type PostAck,
  type Presence,
  type ServerEvent,
  type SignedMessage,
} from '@dcp/protocol';
import { ChannelSet } from './channels/channel-set.js';
import { composeMessage, type Draft } from './channels/compose.js';
import { EventHub, type ConnectionState } from './events.js';
import { Outbox } from './outbox/outbox.js';
import { deviceKey, type Device } from './session/device.js';
import { SessionKeeper, type StoredSession } from './session/session-keeper.js';
import { MemoryStorage, type Storage } from './storage/storage.js';
import { backoffDelay, type BackoffSettings } from './transport/backoff.js';
import { HttpApi } from './transport/http.js';
import { SocketLink } from './transport/socket-link.js';

export interface ClientOptions {
  /** `wss://host` of the home node, from the identity file. */
  endpoint: string;
  nodeId: string;
  /** A device that is in the user's device log (`addDevice`). */
  device: Device;
  clientInfo?: ClientInfo;
  /** Default: memory. */
  storage?: Storage;
  /** A session of an earlier run, and where to put newer ones. */
  session?: StoredSession;
  onSession?: (session: StoredSession) => void;
  backoff?: BackoffSettings;
}

export interface HistoryPage {
  messages: DeliveredMessage[];
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
  encryption: string;
}

const CLIENT_INFO: ClientInfo = { name: 'dcp-sdk', version: '0.1.0', capabilities: ['text'] };
const AUTH_ERRORS = new Set([
  'INVALID_CREDENTIALS',
  'ACCOUNT_SUSPENDED',
  'INSUFFICIENT_PERMISSIONS',
  'PROTOCOL_VERSION_MISMATCH',
]);

/**
 * A user's client: logs in, stays connected (§14.3), delivers every message once and in order, and keeps what is written until the node
 * has it. `ready()` of the crypto library must have been awaited.
 */
export class DcpClient {
  readonly events = new EventHub();
  readonly http: HttpApi;
  readonly sessions: SessionKeeper;
  readonly outbox: Outbox;
  private readonly channels: ChannelSet;
  private readonly storage: Storage;
  private readonly clientName: string;
  private link: SocketLink | undefined;
  private wanted = false;
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private renewTimer: ReturnType<typeof setTimeout> | undefined;
  private outboxTimer: ReturnType<typeof setTimeout> | undefined;
  private outboxAttempts = 0;
  private current: ConnectionState = 'offline';
  private loaded: Promise<void> | undefined;

  constructor(private readonly options: ClientOptions) {
    const info = options.clientInfo ?? CLIENT_INFO;
    this.clientName = `${info.name}/${info.version}`;
    this.storage = options.storage ?? new MemoryStorage();
    this.http = new HttpApi(options.endpoint);
    const { device, endpoint, nodeId } = options;
    const credentials = {
      userId: device.userId,
      nodeId,
      endpoint,
      device: device.id,
      publicKey: deviceKey(device),
      seed: device.seed,
    };
    this.sessions = new SessionKeeper(this.http, credentials, info, options.onSession);
    if (options.session !== undefined) this.sessions.adopt(options.session);
    this.channels = new ChannelSet(this.storage, this.events, (channel, after) => this.readForward(channel, after));
    this.outbox = new Outbox(this.storage, {
      send: (message) => this.post(message),
      resign: (message) => this.resign(message),
      onOutcome: (message, outcome) => {
        if ('sent' in outcome) this.events.emit('sent', { message, ack: outcome.sent });
        else this.events.emit('failed', { message, error: outcome.failed });
      },
    });
  }

  get userId(): string {
    return this.options.device.userId;
  }

  get endpoint(): string {
    return this.options.endpoint;
  }

  get state(): ConnectionState {
    return this.current;
  }

  /** Connects and stays connected until `disconnect`. Resolves when the client is online for the first time; rejects when the login is refused. */
  async connect(): Promise<void> {
    this.wanted = true;
    const online = this.events.next('state', (state) => state === 'online');
    const ended = this.events.next('ended').then(({ error }) => Promise.reject(error));
    void this.open();
    await Promise.race([online, ended]);
  }

  /** Closes the socket and writes down how far the channels were read. What waits in the outbox stays there. */
  async disconnect(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.timer);
    clearTimeout(this.renewTimer);
    clearTimeout(this.outboxTimer);
    this.outboxTimer = undefined;
    this.link?.close();
    this.link = undefined;
    this.become('offline');
    await this.channels.store();
  }

  private become(state: ConnectionState): void {
    if (this.current === state) return;
    this.current = state;
    this.events.emit('state', state);
  }

  private async open(): Promise<void> {
    this.become('connecting');
    try {
      await this.load();
      const session = await this.sessions.fresh();
      const link = await SocketLink.open(this.options.endpoint, session.token, {
        onEvent: (event) => this.receive(event),
        onClose: () => this.lost(link),
      });
      if (!this.wanted) return link.close();
      this.link = link;
      await this.resume(link);
      this.attempts = 0;
      this.become('online');
      this.scheduleRenewal();
      void this.flushOutbox();
    } catch (thrown) {
      this.openFailed(asDcpError(thrown));
    }
  }

  private load(): Promise<void> {
    this.loaded ??= Promise.all([this.channels.load(), this.outbox.load()]).then(() => undefined);
    return this.loaded;
  }

  /** Authentication errors need the user (§14.3); everything else is tried again. */
  private openFailed(error: DcpError): void {
    if (error.code === 'SESSION_EXPIRED') this.sessions.invalidate();
    if (!this.wanted) return;
    if (AUTH_ERRORS.has(error.code)) {
      this.wanted = false;
      this.become('ended');
      this.events.emit('ended', { error });
      return;
    }
    this.link?.close();
    this.reconnectLater(Number(error.details['retry_after'] ?? 0) * 1000);
  }

  private lost(link: SocketLink): void {
    if (this.link !== link) return;
    this.link = undefined;
    clearTimeout(this.renewTimer);
    if (this.wanted) this.reconnectLater(0);
  }

  private reconnectLater(atLeastMs: number): void {
    clearTimeout(this.timer);
    this.become('offline');
    const wait = Math.max(atLeastMs, backoffDelay(this.attempts++, this.options.backoff));
    this.timer = setTimeout(() => void this.open(), wait);
  }

  /** Takes up every channel one is in: known ones where they were left, new ones from now. */
  private async resume(link: SocketLink): Promise<void> {
    const token = await this.sessions.token();
    const { channels } = await this.http.call<{ channels: { id: string; channel_id: string; last_seq: number }[] }>(
      '/accounts/me/channels',
      { token },
    );
    for (const { id, channel_id, last_seq } of channels) this.channels.add(channel_id, id, last_seq);
    const mine = new Set(channels.map(({ channel_id }) => channel_id));
    for (const channelId of Object.keys(this.channels.positions()))
      if (!mine.has(channelId)) this.channels.remove(channelId);
    await link.command('resume', { channels: this.channels.positions() });
  }

  /** A fresh token before the old one wants it; the socket gets it too. */
  private scheduleRenewal(): void {
    clearTimeout(this.renewTimer);
    this.renewTimer = setTimeout(() => void this.renew(), Math.min(this.sessions.renewIn + 50, 2 ** 31 - 1));
  }

  private async renew(): Promise<void> {
    try {
      const { token } = await this.sessions.fresh();
      this.link?.send({ type: 'auth_refresh', session_token: token });
    } catch (thrown) {
      const error = asDcpError(thrown);
      if (AUTH_ERRORS.has(error.code)) return this.openFailed(error);
    }
    if (this.wanted) this.scheduleRenewal();
  }

  private receive(event: ServerEvent): void {
    if (event.event === 'user_status') this.events.emit('userStatus', event.data);
    else if (event.event === 'typing') this.events.emit('typing', event.data);
    else if (event.event === 'membership') this.membershipChanged(event.data);
    else if (event.event === 'session') this.sessionEvent(event.data.reason);
    else this.channels.handle(event);
  }

  private membershipChanged(data: { channel: string; channel_id: string; change: 'joined' | 'left' }): void {
    if (data.change === 'left') this.channels.remove(data.channel_id);
    else if (!this.channels.has(data.channel_id)) void this.follow(data.channel_id).catch(() => undefined);
    this.events.emit('membership', data);
  }

  private sessionEvent(reason: 'refresh_required' | 'revoked' | 'expired'): void {
    if (reason !== 'refresh_required') this.sessions.invalidate();
    void this.renew();
  }

  private async follow(channelId: string): Promise<void> {
    const { channel, head } = (await this.command('subscribe', { channel: channelId })) as {
      channel: string;
      head: number;
    };
    this.channels.add(channelId, channel, head);
  }

  /** Any command of §7.3; rejects with the node's error. */
  command(command: string, data: object): Promise<Record<string, unknown>> {
    if (this.link === undefined) return Promise.reject(new DcpError('NODE_UNREACHABLE', { reason: 'offline' }));
    return this.link.command(command, data);
  }

  /** A REST call under the current session. */
  async call<T>(
    path: string,
    request: { method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'; body?: unknown } = {},
  ): Promise<T> {
    return await this.http.call<T>(path, { ...request, token: await this.sessions.token() });
  }

  /** Joins and follows a channel; `channelId` is what messages are addressed to. */
  async join(channel: string): Promise<{ channel: string; channelId: string; head: number }> {
    const joined = await this.command('join_channel', { channel });
    const { channel: name, channel_id, head } = joined as { channel: string; channel_id: string; head: number };
    this.channels.add(channel_id, name, head);
    return { channel: name, channelId: channel_id, head };
  }

  async leave(channel: string): Promise<void> {
    const { channel_id } = (await this.command('leave_channel', { channel })) as { channel_id: string };
    this.channels.remove(channel_id);
  }

  async create(
    channel: string,
    more: { name?: string; description?: string } = {},
  ): Promise<{ channel: string; channelId: string }> {
    const data = { channel, encryption: 'node', ...more };
    const {
      channel: name,
      channel_id,
      seq,
    } = (await this.command('create_channel', data)) as { channel: string; channel_id: string; seq: number };
    this.channels.add(channel_id, name, seq);
    return { channel: name, channelId: channel_id };
  }

  /**
   * Signs a message, writes it into the outbox and sends it as soon as there is a way. Resolves at once with the message (to be
   * shown); `sent` or `failed` follows as an event.
   */
  async send(channelId: string, draft: Draft): Promise<SignedMessage> {
    await this.load();
    const message = composeMessage(this.options.device, channelId, draft, this.clientName);
    await this.outbox.add(message);
    if (this.link !== undefined) void this.flushOutbox();
    return message;
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
    return (await this.command('send_message', message)) as unknown as PostAck;
  }

  /** What the node cannot take now is tried again by itself, not before the time that it told (§14.3). */
  private async flushOutbox(): Promise<void> {
    if (this.outboxTimer !== undefined) return;
    const stopped = await this.outbox.flush();
    if (stopped === undefined) {
      this.outboxAttempts = 0;
      return;
    }
    // Without a way the reconnect flushes; a session that is over is renewed first.
    if (stopped.code === 'NODE_UNREACHABLE' || !this.wanted || this.outboxTimer !== undefined) return;
    if (stopped.code === 'SESSION_EXPIRED') void this.renew();
    const told = Number(stopped.details['retry_after'] ?? 0) * 1000;
    const wait = Math.max(told, backoffDelay(this.outboxAttempts++, this.options.backoff));
    this.outboxTimer = setTimeout(() => {
      this.outboxTimer = undefined;
      void this.flushOutbox();
    }, wait);
  }

  private resign(message: SignedMessage): SignedMessage {
    const { content, channel_id = '', id } = message;
    const {
      text,
      format,
      mentions,
      reply_to: replyTo,
    } = content as { text: string; format: 'plain'; mentions: string[]; reply_to: string | null };
    return composeMessage(
      this.options.device,
      channel_id,
      { text, format, mentions, replyTo },
      this.clientName,
      new Date(),
      id,
    );
  }

  async listChannels(): Promise<ChannelSummary[]> {
    return (await this.call<{ channels: ChannelSummary[] }>('/channels')).channels;
  }

  /** A page of history, ascending; pass `next_cursor` as `before` for the page before it (§8.3). */
  async history(channel: string, options: { limit?: number; before?: string } = {}): Promise<HistoryPage> {
    const query = new URLSearchParams(Object.entries(options).map(([name, value]) => [name, String(value)]));
    return await this.call<HistoryPage>(`/channels/${encodeURIComponent(channel)}/messages?${query}`);
  }

  private async readForward(channel: string, after: number) {
    const page = await this.command('get_history', { channel, after, limit: MAX_PAGE });
    return page as unknown as { messages: DeliveredMessage[]; last_seq: number | null; has_more: boolean };
  }

  async setStatus(status: Presence, message?: string): Promise<void> {
    await this.command('update_status', message === undefined ? { status } : { status, message });
  }

  async typing(channel: string, typing: boolean): Promise<void> {
    await this.command('typing', { channel, typing });
  }
}
