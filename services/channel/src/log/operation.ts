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
}

export interface JoinOperation extends Base {
  kind: 'join';
}

export interface LeaveOperation extends Base {
  kind: 'leave';
}

export interface UpdateOperation extends Base {
  kind: 'update';
  title?: string | undefined;
  description?: string | undefined;
}

/** `userId` becomes the owner. */
export interface CreateOperation extends Base {
  kind: 'create';
  channel: NewChannel;
}

/** One change of one channel's log. All kinds go through the same commit, so that one order holds for all. */
export type Operation = PostOperation | JoinOperation | LeaveOperation | UpdateOperation | CreateOperation;

export interface NewChannel {
  channelId: string;
  name: string;
  homeNode: string;
  homeEpoch: number;
  encryption: string;
  visibility: string;
  title: string;
  description: string;
  genesis: string;
  genesisSignature: string;
  creator: string;
  createdAt: string;
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
}

/** One key for two ids; neither holds a space. */
export function pairKey(channelId: string, id: string): string {
  return `${channelId} ${id}`;
}
