import type { AccountType, ClientInfo, EncryptionMode, Visibility } from '@dcp/protocol';
import type { ReadMessage } from './e2ee/message-reader.js';
import type { Device } from './session/device.js';
import type { StoredSession } from './session/session-keeper.js';
import type { Storage } from './storage/storage.js';
import type { BackoffSettings } from './transport/backoff.js';

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
