import type { Mandate } from '@dcp/protocol';
import type { EncryptionMode, StateEntry, Visibility } from '@dcp/protocol';
import type { NewEntry } from './new-entry.js';

export type Role = 'owner' | 'member';

interface Base {
  channelId: string;
  userId: string;
  /** What the log will hold when the operation changes something. */
  entry: NewEntry;
}

/** A message. `aclVersion` is that of the channel when the author's role was read. */
export interface PostOperation extends Base {
  kind: 'post';
  aclVersion: number;
  /** In `e2ee` channels: the key epoch that the message was encrypted in. */
  epoch?: number | undefined;
  /** The state entry that the author knew as the last one, where he named it. */
  knownState?: string | undefined;
}

export interface JoinOperation extends Base {
  kind: 'join';
}

export interface LeaveOperation extends Base {
  kind: 'leave';
}

/** What the owner sets; an absent member keeps its value. */
export interface Settings {
  title?: string | undefined;
  description?: string | undefined;
  mandate?: Mandate | undefined;
}

export interface UpdateOperation extends Base, Settings {
  kind: 'update';
}

/** `userId` becomes the owner; the others of a group DM members. */
export interface CreateOperation extends Base {
  kind: 'create';
  channel: NewChannel;
  /** The owner's; null in mode `node`. */
  identityKey: string | null;
  others: Founder[];
}

/** A member of a group DM from its start. */
export interface Founder {
  userId: string;
  identityKey: string;
}

/** One signed entry of an `e2ee` channel's state chain. */
export interface StateOperation extends Base {
  kind: 'state';
  state: StateEntry;
  /** The invite link that the entry names; that a joining user holds it is proved already. */
  linkKey: string | undefined;
  /** The node's time in milliseconds: what a link must outlive. */
  at: number;
}

/** A channel of two that begins without an entry. */
export interface OpenDmOperation {
  kind: 'dm';
  channelId: string;
  userId: string;
  channel: NewChannel;
  /** Both; one where somebody writes to himself. */
  members: string[];
}

/** One change of one channel. All kinds go through the same commit, so that one order holds for all. */
export type Operation =
  | PostOperation
  | JoinOperation
  | LeaveOperation
  | UpdateOperation
  | CreateOperation
  | StateOperation
  | OpenDmOperation;

export interface NewChannel {
  channelId: string;
  name: string;
  homeNode: string;
  homeEpoch: number;
  encryption: EncryptionMode;
  visibility: Visibility;
  title: string;
  description: string;
  genesis: string;
  genesisSignature: string;
  creator: string;
  createdAt: string;
  /** Of a channel whose members come without an entry; others begin with 0. */
  memberCount: number;
}

/** What an operation came to, once it is durable. */
export interface Outcome {
  /** Of its own entry; of the entry that stands for it when nothing had to change. */
  seq: number;
  changed: boolean;
  /** The channel's name. */
  name: string;
  /** Of the channel, after the operation. */
  aclVersion: number;
  encryption: EncryptionMode;
  visibility: Visibility;
  stateHead: string | null;
  epoch: number;
  /** Whom the change concerns beside its author. */
  concerned?: Concerned[];
}

/** Somebody whom the gateways are told about. */
export interface Concerned {
  userId: string;
  change: 'joined' | 'left' | 'invited' | 'revoked';
}

/** One key for two ids; neither holds a space. */
export function pairKey(channelId: string, id: string): string {
  return `${channelId} ${id}`;
}
