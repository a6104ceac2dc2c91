import type { ChannelUpdate, DcpError, DeliveredMessage, PostAck, SignedMessage, UserStatus } from '@dcp/protocol';

export type ConnectionState = 'offline' | 'connecting' | 'online' | 'ended';

/** What a client tells its application. */
export interface ClientEvents {
  /** A message of a channel one is in, each once and in the channel's order. */
  message: { channel: string; channelId: string; seq: number; message: DeliveredMessage };
  /** A `seq` that one is not shown (blocked author, wiped). */
  hidden: { channel: string; channelId: string; seq: number };
  channelUpdate: ChannelUpdate;
  userStatus: UserStatus;
  typing: { user_id: string; channel: string; channel_id: string; typing: boolean };
  membership: { channel: string; channel_id: string; change: 'joined' | 'left' };
  state: ConnectionState;
  /** The node ordered a message of the outbox. */
  sent: { message: SignedMessage; ack: PostAck };
  /** The node refused a message for good; it left the outbox. */
  failed: { message: SignedMessage; error: DcpError };
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
