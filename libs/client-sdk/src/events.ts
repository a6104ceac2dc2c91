import type {
  ChannelUpdate,
  DcpError,
  DeliveredMessage,
  InvitationEvent,
  MovedTo,
  MoveFault,
  PostAck,
  UserStatus,
} from '@dcp/protocol';
import type { OutgoingMessage } from './outbox/outbox.js';
import type { DecryptFault } from './e2ee/decrypt-fault.js';

export type ConnectionState = 'offline' | 'connecting' | 'online' | 'ended';

/** What a client tells its application. */
export interface ClientEvents {
  /** A message of a channel one is in, each once and in the channel's order. */
  message: {
    channel: string;
    channelId: string;
    seq: number;
    /** In `e2ee` channels `content` is what was decrypted. */
    message: DeliveredMessage;
    /** Set when it could not be read (yet): `content` is empty, and `decrypted` follows if the key comes. */
    undecryptable?: { reason: DecryptFault };
  };
  /** A `seq` that one is not shown (blocked author, wiped). */
  hidden: { channel: string; channelId: string; seq: number };
  channelUpdate: ChannelUpdate;
  userStatus: UserStatus;
  typing: { user_id: string; channel: string; channel_id: string; typing: boolean };
  membership: { channel: string; channel_id: string; change: 'joined' | 'left' };
  state: ConnectionState;
  /** The node ordered a message of the outbox. */
  sent: { message: OutgoingMessage; ack: PostAck };
  /** The node refused a message for good; it left the outbox. */
  failed: { message: OutgoingMessage; error: DcpError };
  /** A device log or identity key is not believed: nothing is encrypted to this user until it is settled. */
  deviceConflict: { userId: string; reason: string };
  /** What the node shows of a channel breaks the rules: nothing is sent there. */
  channelConflict: { channelId: string; reason: string };
  /** A message that could not be read when it came can be read now; `message` is whole. */
  decrypted: { channel: string; channelId: string; seq: number; message: DeliveredMessage };
  /** The key of a message was refused by its owner (one was no member then): it stays unreadable. */
  refused: { channel: string; channelId: string; seq: number; id: string };
  /** Something of this client failed that nobody asked for just now, such as its storage. */
  fault: { error: DcpError };
  /** Somebody's devices have changed; one's own too: a device that one did not add is a break-in. */
  devicesChanged: { userId: string };
  /** A user goes on at another node, as both his accounts have signed; a DM with him is opened there from now on. */
  userMoved: { userId: string; to: string; record: MovedTo };
  /** A node says that a user has moved, and it is not to be believed: nobody is followed. */
  moveRefused: { userId: string; reason: MoveFault | 'other_identity' };
  /** Invited to a channel, or no longer. */
  invitation: InvitationEvent;
  /** §10.2: bytes that somebody of that node sent to all one's devices. Who it was, only they can say. */
  routed: { sourceNode: string; encryptedMessage: string; receivedAt: string };
  /** Keys could not be given to, or taken from, a device; what follows from it heals by itself or shows as `undecryptable`. */
  keyFault: { userId: string; device: string; reason: string };
  /** Somebody sees another device log of this user than we do: the node may be showing two. */
  headMismatch: { userId: string; seenBy: string };
  /** A pairwise session was begun anew, because the other side could not use the old one. */
  sessionReset: { userId: string; device: string };
  /** The login was refused: only the user can help (§14.3). */
  ended: { error: DcpError };
}

type Listener<T> = (payload: T) => void;

/** Typed listeners; one that throws does not keep the others from hearing. */
export class EventHub {
  private readonly listeners = new Map<keyof ClientEvents, Set<Listener<never>>>();

  /** Returns the function that removes the listener. */
  on<K extends keyof ClientEvents>(event: K, listener: Listener<ClientEvents[K]>): () => void {
    const set = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, set.add(listener));
    return () => void set.delete(listener);
  }

  /** Resolves with the next event that `matches`. */
  next<K extends keyof ClientEvents>(
    event: K,
    matches: (payload: ClientEvents[K]) => boolean = () => true,
  ): Promise<ClientEvents[K]> {
    return new Promise((resolve) => {
      const off = this.on(event, (payload) => {
        if (!matches(payload)) return;
        off();
        resolve(payload);
      });
    });
  }

  emit<K extends keyof ClientEvents>(event: K, payload: ClientEvents[K]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      try {
        (listener as Listener<ClientEvents[K]>)(payload);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
