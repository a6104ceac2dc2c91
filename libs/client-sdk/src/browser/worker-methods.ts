import type { EncryptionMode, PostAck } from '@dcp/protocol';
import type { ChannelSummary, HistoryPage, MyChannel } from '../client-types.js';
import type { Draft } from '../channels/compose.js';
import type { Found } from '../e2ee/archive.js';
import type { ConnectionState } from '../events.js';
import type { OutgoingMessage } from '../outbox/outbox.js';
import type { People } from '../people.js';
import type { ReportReason, ReportReceipt } from '../report.js';
import type { Rooms } from '../rooms.js';

/** What a profile holds. `signed_out`: an identity without this device's keys; `openAccount` with its passphrase makes them. */
export type ProfileState =
  | { state: 'empty' }
  | { state: 'signed_out'; userId: string; endpoint: string }
  | { state: 'ready'; userId: string; endpoint: string; device: string };

export interface NewAccount {
  /** The node's address as a person types it, or its WebSocket URL. */
  endpoint: string;
  username: string;
  /** Goes in and is not kept. */
  passphrase: string;
  displayName?: string;
  invite?: string;
  /** How this device is called in the user's list. */
  deviceName?: string;
}

export interface ExistingAccount {
  /** An identity file's text, from `exportIdentity`; by default the profile's own. */
  identity?: string;
  passphrase: string;
  deviceName?: string;
}

export interface ClientStatus {
  state: ConnectionState;
  /** Messages that wait in the outbox, in order. */
  waiting: OutgoingMessage[];
}

/** What the page may ask of the worker; the same names as the client's own methods. Nothing here gives out a key. */
export interface AccountMethods {
  /** Takes the profile's lock; CONFLICT `in_use` when another tab has it. */
  open(profile: string): Promise<ProfileState>;
  createAccount(account: NewAccount): Promise<ProfileState>;
  openAccount(account: ExistingAccount): Promise<ProfileState>;
  /** The identity file's text; its keys are sealed under the passphrase. */
  exportIdentity(): Promise<string>;
  /** Takes one of one's own devices out for good. */
  revokeDevice(device: string, passphrase: string): Promise<void>;
  /** Writes down what is under way and gives the profile free. */
  close(): Promise<void>;
}

export interface ClientMethods {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  /** The browser has lost its network, or has it again: nothing is tried in between, and at once afterwards. */
  network(online: boolean): Promise<void>;
  status(): Promise<ClientStatus>;
  send(channelId: string, draft: Draft): Promise<OutgoingMessage>;
  sendAndWait(channelId: string, draft: Draft): Promise<PostAck>;
  /** A page of the node's history, decrypted. */
  history(channel: string, options?: { limit?: number; before?: string }): Promise<HistoryPage>;
  /** The newest of what this device keeps of a channel, oldest first: needs no node. */
  archived(channelId: string, limit?: number): Promise<Found[]>;
  report(channelId: string, messageId: string, why: ReportReason): Promise<ReportReceipt>;
  search(query: string, options?: { channelId?: string; limit?: number }): Promise<Found[]>;
  /** The channels one is in; when the node does not say, as they were last. */
  myChannels(): Promise<MyChannel[]>;
  listChannels(): Promise<ChannelSummary[]>;
  create(
    channel: string,
    more?: { name?: string; description?: string; encryption?: EncryptionMode },
  ): Promise<{ channel: string; channelId: string }>;
  typing(channel: string, typing: boolean): Promise<void>;
}

export const ROOM_METHODS = [
  'createPublic',
  'createPrivate',
  'createGroup',
  'openDm',
  'join',
  'leave',
  'invite',
  'decline',
  'withdrawInvitation',
  'kick',
  'ban',
  'unban',
  'createLink',
  'revokeLink',
  'invitations',
  'members',
] as const;

export const PEOPLE_METHODS = [
  'safetyNumber',
  'markVerified',
  'isVerified',
  'conflict',
  'acceptIdentity',
  'devices',
] as const;

/** The same methods with promises: they answer from the worker. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never;
};

export type RemoteRooms = Remote<Pick<Rooms, (typeof ROOM_METHODS)[number]>>;
export type RemotePeople = Remote<Pick<People, (typeof PEOPLE_METHODS)[number]>>;

/** Whoever has the list has the methods: nothing else of the object can be reached. */
export function remote<T>(prefix: string, names: readonly (keyof T & string)[], call: Call): T {
  const method =
    (name: string) =>
    (...args: unknown[]) =>
      call(prefix + name, args);
  return Object.fromEntries(names.map((name) => [name, method(name)])) as T;
}

export type Call = (method: string, args: readonly unknown[]) => Promise<unknown>;
