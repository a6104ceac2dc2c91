import { DcpError, type PostAck } from '@dcp/protocol';
import type { Draft } from '../channels/compose.js';
import type { ChannelSummary, HistoryPage, MyChannel } from '../client-types.js';
import type { Found } from '../e2ee/archive.js';
import { EventHub, type ClientEvents } from '../events.js';
import type { ReportReason, ReportReceipt } from '../report.js';
import type { OutgoingMessage } from '../outbox/outbox.js';
import { eventOf } from './event-form.js';
import { RpcCaller } from './rpc-caller.js';
import type { Wire } from './rpc.js';
import {
  PEOPLE_METHODS,
  remote,
  ROOM_METHODS,
  type AccountMethods,
  type ClientMethods,
  type ClientStatus,
  type ExistingAccount,
  type NewAccount,
  type ProfileState,
  type RemotePeople,
  type RemoteRooms,
} from './worker-methods.js';

/** What a page hands in: a dedicated Worker that runs the worker entry. */
export type ClientWorker = Pick<Worker, 'terminate' | 'addEventListener'> & Wire;

const CLOSE_MS = 2_000;

/**
 * The page's handle of a client that lives in a worker: the same names as `DcpClient`, nothing of its work. Keys and seeds stay in the
 * worker; a passphrase goes in and is not kept. Errors are DcpError and CryptoError as if they had been thrown here.
 */
export class WorkerClient implements AccountMethods, ClientMethods {
  readonly events = new EventHub();
  readonly rooms: RemoteRooms;
  readonly people: RemotePeople;
  private readonly caller: RpcCaller;
  private readonly online = () => void this.network(true).catch(() => undefined);
  private readonly offline = () => void this.network(false).catch(() => undefined);

  constructor(private readonly worker: ClientWorker) {
    this.caller = new RpcCaller(worker, (event, payload) => this.hear(event, payload));
    this.rooms = remote<RemoteRooms>('rooms.', ROOM_METHODS, (method, args) => this.caller.call(method, args));
    this.people = remote<RemotePeople>('people.', PEOPLE_METHODS, (method, args) => this.caller.call(method, args));
    // A socket does not notice that its network has gone. The page hears it in every browser, its workers do not.
    globalThis.addEventListener?.('online', this.online);
    globalThis.addEventListener?.('offline', this.offline);
    worker.addEventListener('error', () => this.end('worker_failed'));
  }

  open(profile: string): Promise<ProfileState> {
    return this.caller.call('open', [profile]);
  }

  createAccount(account: NewAccount): Promise<ProfileState> {
    return this.caller.call('createAccount', [account]);
  }

  openAccount(account: ExistingAccount): Promise<ProfileState> {
    return this.caller.call('openAccount', [account]);
  }

  exportIdentity(): Promise<string> {
    return this.caller.call('exportIdentity', []);
  }

  revokeDevice(device: string, passphrase: string): Promise<void> {
    return this.caller.call('revokeDevice', [device, passphrase]);
  }

  connect(): Promise<void> {
    return this.caller.call('connect', []);
  }

  disconnect(): Promise<void> {
    return this.caller.call('disconnect', []);
  }

  network(online: boolean): Promise<void> {
    return this.caller.call('network', [online]);
  }

  status(): Promise<ClientStatus> {
    return this.caller.call('status', []);
  }

  send(channelId: string, draft: Draft): Promise<OutgoingMessage> {
    return this.caller.call('send', [channelId, draft]);
  }

  sendAndWait(channelId: string, draft: Draft): Promise<PostAck> {
    return this.caller.call('sendAndWait', [channelId, draft]);
  }

  history(channel: string, options: { limit?: number; before?: string } = {}): Promise<HistoryPage> {
    return this.caller.call('history', [channel, options]);
  }

  archived(channelId: string, limit?: number): Promise<Found[]> {
    return this.caller.call('archived', [channelId, limit]);
  }

  report(channelId: string, messageId: string, why: ReportReason): Promise<ReportReceipt> {
    return this.caller.call('report', [channelId, messageId, why]);
  }

  search(query: string, options: { channelId?: string; limit?: number } = {}): Promise<Found[]> {
    return this.caller.call('search', [query, options]);
  }

  myChannels(): Promise<MyChannel[]> {
    return this.caller.call('myChannels', []);
  }

  listChannels(): Promise<ChannelSummary[]> {
    return this.caller.call('listChannels', []);
  }

  create(
    channel: string,
    more: Parameters<ClientMethods['create']>[1] = {},
  ): Promise<{ channel: string; channelId: string }> {
    return this.caller.call('create', [channel, more]);
  }

  typing(channel: string, typing: boolean): Promise<void> {
    return this.caller.call('typing', [channel, typing]);
  }

  /** Resolves with the next event that `matches`. */
  next<K extends keyof ClientEvents>(
    event: K,
    matches?: (payload: ClientEvents[K]) => boolean,
  ): Promise<ClientEvents[K]> {
    return this.events.next(event, matches);
  }

  /** Lets the worker write down what is under way, not longer than two seconds, and ends it. */
  async close(): Promise<void> {
    const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS));
    await Promise.race([this.caller.call<void>('close', []).catch(() => undefined), late]);
    this.end('closed');
    this.worker.terminate();
  }

  private hear(event: string, payload: unknown): void {
    const name = event as keyof ClientEvents;
    this.events.emit(name, eventOf(payload) as ClientEvents[typeof name]);
  }

  /** Nothing of this handle stays behind. */
  private end(reason: 'worker_failed' | 'closed'): void {
    globalThis.removeEventListener?.('online', this.online);
    globalThis.removeEventListener?.('offline', this.offline);
    this.caller.end(new DcpError('INTERNAL_ERROR', { reason }, 'The client’s worker has ended'));
  }
}
