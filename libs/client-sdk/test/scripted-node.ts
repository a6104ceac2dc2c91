import { parseKey } from '@dcp/crypto';
import { channelIdOf, dmChannelId } from '../src/e2ee/channel-chain.js';
import { chainFromGenesis, dmState, extendChain, type ChannelState } from '../src/e2ee/channel-chain.js';
import type { NodePort } from '../src/e2ee/node-port.js';
import {
  DcpError,
  type BackupRecord,
  type DeliveredMessage,
  type DeviceEntry,
  type Genesis,
  type Handover,
  type Mandate,
  type KeyMessage,
  type MessageReport,
  type Prekey,
  type PrekeyBundle,
  type QueuedKeys,
  type SignedMessage,
  type StateEntry,
} from '@dcp/protocol';

/** How a node may lie or fail. Each hook sees what an honest node would answer and answers instead. */
export interface Interference {
  queue?(items: QueuedKeys[], viewer: string): QueuedKeys[];
  log?(entries: DeviceEntry[], user: string, viewer: string): DeviceEntry[];
  identityKey?(key: string, user: string, viewer: string): string;
  bundle?(bundle: PrekeyBundle, viewer: string): PrekeyBundle;
  state?(entries: DeliveredMessage[], viewer: string): DeliveredMessage[];
  /** What each member's socket gets for one entry. */
  deliver?(message: DeliveredMessage, viewer: string): DeliveredMessage[];
}

interface Channel {
  name: string;
  genesis: Genesis | null;
  signature: string | null;
  log: DeliveredMessage[];
  state: ChannelState;
  /** Numbers that were given to nobody. */
  voided?: number;
}

export interface Listener {
  userId: string;
  device: string;
  hear(message: DeliveredMessage): void;
  notify(event: { event: 'device_queue' | 'devices_changed' | 'user_moved'; data: object }): void;
}

/** What the commands of the encryption carry; each reads its own members. */
interface CommandData {
  users: { user_id: string; after: number }[];
  devices: { user_id: string; device: string }[];
  messages: KeyMessage[];
  epoch: number;
  prekeys: Prekey[];
  up_to: number;
  channel: string;
  after: number;
  before?: string;
  limit: number;
  genesis: Genesis;
  signature: string;
  entry: StateEntry;
}

const key = (userId: string, device: string) => `${userId}/${device}`;

/** A node in memory that does what the protocol asks of one, honestly unless told otherwise; without signatures of its own or a database. */
export class ScriptedNode {
  readonly accounts = new Map<string, { publicKey: string; log: DeviceEntry[] }>();
  readonly channels = new Map<string, Channel>();
  readonly backups = new Map<string, Map<string, BackupRecord>>();
  readonly prekeys = new Map<string, { epoch: number; keys: Prekey[] }>();
  readonly queues = new Map<string, { next: number; items: QueuedKeys[] }>();
  readonly listeners = new Set<Listener>();
  /** Every one-time prekey that was handed out. */
  readonly handedOut: string[] = [];
  /** What is said of users who have moved, true or not. */
  readonly moved = new Map<string, unknown>();
  /** What is said of how a channel came to its home, true or not. */
  readonly homes = new Map<string, Handover[]>();
  /** What `update_channel` was asked for. */
  readonly updates: object[] = [];
  /** Bodies of `POST /reports`. */
  readonly reports: MessageReport[] = [];
  /** Why posts were refused. */
  readonly refused: string[] = [];
  interference: Interference = {};
  /** Set: every command fails with this. */
  down: DcpError | undefined;
  /** Commands that are not answered before this resolves. */
  holds: Record<string, Promise<void>> = {};
  calls: Record<string, number> = {};

  port(userId: string, device: string): NodePort {
    return {
      command: async <T>(command: string, data: object) => {
        await Promise.resolve();
        if (this.down !== undefined) throw this.down;
        this.calls[command] = (this.calls[command] ?? 0) + 1;
        await this.holds[command];
        return structuredClone(this.run(command, data, userId, device)) as T;
      },
      rest: async <T>(path: string, request?: { method?: string; body?: unknown }) => {
        await Promise.resolve();
        if (this.down !== undefined) throw this.down;
        // The session of a revoked device is over.
        const log = this.accounts.get(userId)?.log ?? [];
        if (log.some((entry) => entry.action === 'revoke' && entry.device === device))
          throw new DcpError('SESSION_EXPIRED');
        return this.rest(path, request, userId) as T;
      },
    };
  }

  private run(command: string, given: object, userId: string, device: string): unknown {
    const data = given as CommandData;
    switch (command) {
      case 'get_devices':
        return this.devices(data.users, userId);
      case 'publish_keys':
        return this.publish(data, key(userId, device));
      case 'claim_keys':
        return this.claim(data.devices, userId);
      case 'send_keys':
        return this.sendKeys(data.messages, userId, device);
      case 'fetch_keys':
        return this.fetch(userId, device);
      case 'ack_keys':
        return this.acknowledge(key(userId, device), data.up_to);
      case 'get_state':
        return this.stateOf(data.channel, data.after, userId);
      case 'get_history':
        return this.history(data);
      case 'create_channel':
        return this.create(data, userId);
      case 'send_message':
        return this.post(given as SignedMessage);
      case 'subscribe':
        return { channel: this.channel(data.channel).name };
      case 'update_channel':
        return this.updates.push(given);
      default:
        return this.changeState(data.channel, data.entry);
    }
  }

  private devices(users: { user_id: string; after: number }[], viewer: string) {
    const logs = users.flatMap(({ user_id, after }) => {
      const account = this.accounts.get(user_id);
      if (account === undefined) return [];
      const log = this.interference.log?.(account.log, user_id, viewer) ?? account.log;
      const public_key = this.interference.identityKey?.(account.publicKey, user_id, viewer) ?? account.publicKey;
      const moved_to = this.moved.get(user_id);
      return [
        {
          user_id,
          public_key,
          entries: log.slice(after),
          has_more: false,
          ...(moved_to === undefined ? {} : { moved_to }),
        },
      ];
    });
    return { logs };
  }

  private publish({ epoch, prekeys }: { epoch: number; prekeys: Prekey[] }, owner: string) {
    let stock = this.prekeys.get(owner);
    if (stock !== undefined && epoch < stock.epoch)
      throw new DcpError('CONFLICT', { reason: 'old_epoch', epoch: stock.epoch });
    if (stock === undefined || epoch > stock.epoch) this.prekeys.set(owner, (stock = { epoch, keys: [] }));
    stock.keys.push(...prekeys);
    if (!this.queues.has(owner)) this.queues.set(owner, { next: 1, items: [] });
    const count = (kind: string) => stock.keys.filter((one) => one.kind === kind).length;
    return { epoch: stock.epoch, one_time: count('one-time'), kem: count('kem') };
  }

  private claim(devices: { user_id: string; device: string }[], viewer: string) {
    const bundles: PrekeyBundle[] = [];
    const missing: object[] = [];
    for (const { user_id, device } of devices) {
      const stock = this.prekeys.get(key(user_id, device));
      const signed = stock?.keys.findLast(({ kind }) => kind === 'signed');
      if (stock === undefined || signed === undefined) {
        missing.push({ user_id, device });
        continue;
      }
      const take = (kind: string) => {
        const at = stock.keys.findIndex((one) => one.kind === kind);
        const [taken] = at < 0 ? [] : stock.keys.splice(at, 1);
        if (taken !== undefined) this.handedOut.push(`${device} ${kind} ${taken.id}`);
        return taken;
      };
      const kem = take('kem') ?? stock.keys.findLast(({ kind }) => kind === 'kem-last-resort');
      const bundle = { user_id, device, epoch: stock.epoch, signed, one_time: take('one-time'), kem };
      bundles.push(this.interference.bundle?.(bundle, viewer) ?? bundle);
    }
    return { bundles, missing };
  }

  private sendKeys(messages: KeyMessage[], from_user: string, from_device: string) {
    const unknown: object[] = [];
    for (const { user_id, device, id, body } of messages) {
      const queue = this.queues.get(key(user_id, device));
      if (queue === undefined) unknown.push({ user_id, device });
      else {
        const received_at = new Date().toISOString();
        queue.items.push({ seq: queue.next++, id, from_user, from_device, received_at, body });
        this.notify(user_id, device, { event: 'device_queue', data: { head: queue.next - 1 } });
      }
    }
    return { unknown, full: [] };
  }

  private notify(userId: string, device: string, event: Parameters<Listener['notify']>[0]): void {
    for (const one of this.listeners) if (one.userId === userId && one.device === device) one.notify(event);
  }

  private fetch(userId: string, device: string) {
    const items = this.queues.get(key(userId, device))?.items ?? [];
    const shown = this.interference.queue?.(items, userId) ?? items;
    return { items: shown.slice(0, 64), has_more: shown.length > 64 };
  }

  private acknowledge(owner: string, upTo: number) {
    const queue = this.queues.get(owner);
    if (queue !== undefined) queue.items = queue.items.filter(({ seq }) => seq > upTo);
    return { left: queue?.items.length ?? 0 };
  }

  private stateOf(channelId: string, after: number, viewer: string) {
    const channel = this.channel(channelId);
    const { genesis, signature, state, log } = channel;
    const chain = log.filter(({ type, node }) => type === 'system' && node.seq > after);
    return {
      channel: this.nameFor(channel, viewer),
      visibility: state.visibility,
      genesis,
      genesis_signature: signature,
      entries: this.interference.state?.(chain, viewer) ?? chain,
      has_more: false,
      state_head: state.head,
    };
  }

  private history({ channel, after, before, limit }: CommandData) {
    const { log } = this.channel(channel);
    const end = before === undefined ? log.length : log.findIndex(({ id }) => id === before);
    if (end < 0) throw new DcpError('MESSAGE_NOT_FOUND');
    const messages =
      before === undefined
        ? log.filter(({ node }) => node.seq > after).slice(0, limit)
        : log.slice(Math.max(0, end - limit), end);
    return { messages, last_seq: messages.at(-1)?.node.seq ?? null };
  }

  private create(data: CommandData, userId: string) {
    const name = data.channel;
    if (name.startsWith('@')) return this.openDm(userId, name.slice(1));
    const { genesis, signature } = data;
    const channelId = channelIdOf(genesis);
    const state = chainFromGenesis(channelId, genesis, signature);
    this.channels.set(channelId, { name, genesis, signature, log: [], state });
    return this.changeState(channelId, data.entry);
  }

  private openDm(a: string, b: string) {
    const channelId = dmChannelId(a, b);
    if (!this.channels.has(channelId)) {
      const moved_to = this.moved.get(b);
      if (moved_to !== undefined) throw new DcpError('USER_NOT_FOUND', { reason: 'moved', user_id: b, moved_to });
      const name = `@${[a, b].sort().join(',')}`;
      this.channels.set(channelId, { name, genesis: null, signature: null, log: [], state: dmState(channelId, a, b) });
    }
    return { channel: `@${b}`, channel_id: channelId, seq: 0, head: 0 };
  }

  changeState(channelId: string, entry: StateEntry) {
    const channel = this.channel(channelId);
    if (entry.prev_state !== channel.state.head)
      throw new DcpError('CONFLICT', { reason: 'stale_state', state_head: channel.state.head });
    const seq = nextOf(channel);
    channel.state = extendChain(channel.state, entry, seq, () => this.keyOf(entry));
    this.append(channel, entry);
    return { channel: channel.name, channel_id: channelId, seq, head: seq };
  }

  private keyOf(entry: StateEntry): Uint8Array | undefined {
    const added = this.accounts.get(entry.author)?.log.find(({ device }) => device === entry.device);
    return added?.signing_key === undefined ? undefined : parseKey(added.signing_key).bytes;
  }

  /** Another node goes on with what it has: `to` entries. */
  loseHome(channelId: string, to: number, voided: number): void {
    const channel = this.channel(channelId);
    channel.voided = channel.log.length - to + voided;
    channel.log.length = to;
    if (channel.genesis === null || channel.signature === null) throw new Error('a DM is not lost');
    channel.state = chainFromGenesis(channelId, channel.genesis, channel.signature);
    for (const { channel: _channel, node, ...entry } of channel.log) {
      if (entry.type !== 'system') continue;
      const stated = entry as unknown as StateEntry;
      channel.state = extendChain(channel.state, stated, node.seq, () => this.keyOf(stated));
    }
  }

  /** As the node does: the epoch is checked, the entry numbered and delivered. */
  post(message: SignedMessage) {
    const channel = this.channel(message.channel_id ?? '');
    const { epoch, head } = channel.state;
    if ((message.encryption.epoch ?? 0) < epoch) throw this.refusal('stale_epoch', { epoch });
    if (message.encryption.state !== undefined && message.encryption.state !== head)
      throw this.refusal('stale_state', { state_head: head, epoch });
    const seq = this.append(channel, message);
    return { message_id: message.id, seq, timestamp: message.timestamp, state: 'ordered' };
  }

  private refusal(reason: string, details: object): DcpError {
    this.refused.push(reason);
    return new DcpError('CONFLICT', { reason, ...details });
  }

  private append(channel: Channel, message: SignedMessage | StateEntry): number {
    const seq = nextOf(channel);
    const node = { seq, received_at: new Date().toISOString() };
    const delivered = { ...message, channel: channel.name, channel_id: channel.state.channelId, node };
    channel.log.push(delivered);
    this.deliver(channel, delivered);
    return seq;
  }

  private deliver(channel: Channel, message: DeliveredMessage): void {
    for (const one of this.listeners) {
      if (channel.state.members[one.userId] === undefined) continue;
      const seen = { ...message, channel: this.nameFor(channel, one.userId) };
      for (const copy of this.interference.deliver?.(seen, one.userId) ?? [seen]) one.hear(structuredClone(copy));
    }
  }

  /** Gives a listener what it has missed. */
  replay(listener: Listener, channelId: string, after: number): void {
    const channel = this.channel(channelId);
    for (const message of channel.log) {
      if (message.node.seq > after)
        listener.hear(structuredClone({ ...message, channel: this.nameFor(channel, listener.userId) }));
    }
  }

  private nameFor({ name }: Channel, viewer: string): string {
    if (!name.startsWith('@')) return name;
    const [a = '', b = ''] = name.slice(1).split(',');
    return `@${a === viewer ? b : a}`;
  }

  channel(channelId: string): Channel {
    const channel = this.channels.get(channelId);
    if (channel === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    return channel;
  }

  private rest(path: string, request: { method?: string; body?: unknown } | undefined, userId: string): unknown {
    if (path === '/reports') {
      const id = `rep_${String(this.reports.push(request?.body as MessageReport))}`;
      return { id, verified: true, fault: null };
    }
    const [, channelId = ''] = /^\/channels\/([^/]+)\/home$/.exec(path) ?? [];
    if (channelId !== '') return this.homeOf(channelId);
    const [, shown = ''] = /^\/channels\/([^/]+)$/.exec(path) ?? [];
    if (shown !== '') return { channel_id: shown, encryption: this.channel(shown).genesis?.encryption };
    const records = this.backups.get(userId) ?? new Map<string, BackupRecord>();
    this.backups.set(userId, records);
    if (request?.method === 'PUT') {
      for (const record of (request.body as { records: BackupRecord[] }).records)
        if (!records.has(record.id)) records.set(record.id, record);
      return { kept: [] };
    }
    if (request?.method === 'DELETE') {
      const month = new URLSearchParams(path.split('?')[1]).get('month');
      for (const [id, record] of records) if (month === null || record.month === month) records.delete(id);
      return { deleted: 0 };
    }
    const ids = new URLSearchParams(path.split('?')[1]).get('ids')?.split(',');
    return { records: [...records.values()].filter(({ id }) => ids?.includes(id) ?? true), next: null };
  }

  homeOf(channel_id: string): { channel_id: string; handovers: object[]; mandate: Mandate | undefined } {
    const handovers = (this.homes.get(channel_id) ?? []).map((handover) => ({ handover }));
    return { channel_id, handovers, mandate: this.channel(channel_id).state.mandate };
  }
}

function nextOf({ log, voided = 0 }: Channel): number {
  return log.length + voided + 1;
}
