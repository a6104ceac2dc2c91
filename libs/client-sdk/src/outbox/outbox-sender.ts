import { asDcpError, DcpError, type MessageStatus, type PostAck, type SignedMessage } from '@dcp/protocol';
import type { ChannelSet } from '../channels/channel-set.js';
import { signPlain } from '../channels/compose.js';
import { readForward } from '../channels/read-forward.js';
import { ChainError } from '../e2ee/channel-chain.js';
import type { EncryptionEngine } from '../e2ee/encryption-engine.js';
import type { NodePort } from '../e2ee/node-port.js';
import type { EventHub } from '../events.js';
import type { Device } from '../session/device.js';
import { backoffDelay, type BackoffSettings } from '../transport/backoff.js';
import type { Connection } from '../transport/connection.js';
import { Outbox, PREPARED_AGAIN, type OutgoingMessage } from './outbox.js';

export interface OutboxSenderParts {
  device: Device;
  clientName: string;
  node: NodePort;
  encryption: EncryptionEngine;
  channels: ChannelSet;
  events: EventHub;
  backoff: BackoffSettings | undefined;
  /** The way to the node, which is made later than this. */
  way: () => Pick<Connection, 'isOpen' | 'isWanted' | 'renew'>;
}

/** Brings the node what waits in the outbox, in the form that each channel asks for, and again when the node could not take it. */
export class OutboxSender {
  readonly outbox: Outbox;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempts = 0;

  constructor(private readonly parts: OutboxSenderParts) {
    const { encryption, events } = parts;
    this.outbox = new Outbox(encryption.storage, {
      prepare: (written) => this.prepare(written),
      send: (message) => this.post(message),
      beforeRetry: (written, error) => this.beforeRetry(written, error),
      onOutcome: (message, outcome) => {
        if ('sent' in outcome) events.emit('sent', { message, ack: outcome.sent });
        else events.emit('failed', { message, error: outcome.failed });
      },
    });
  }

  /** What waits stays written down. */
  stop(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  /** A storage that fails here is told: what is written stays in it. */
  wake(): void {
    void this.flush().catch((error: unknown) => this.parts.events.emit('fault', { error: asDcpError(error) }));
  }

  /** A message that had waited at the node for another one: members came or went meanwhile, so it is encrypted anew; else it failed. */
  async refusedLater({ channel_id, message_id, error }: MessageStatus): Promise<void> {
    const { device: own, encryption, events, node } = this.parts;
    const { id: device, userId: author } = own;
    const archived = await encryption.archive.find(channel_id, message_id);
    const content = archived?.content ?? {};
    const timestamp = new Date().toISOString();
    const written = { id: message_id, type: 'text' as const, author, device, channel_id, timestamp, content };
    const refusal = DcpError.fromBody({ ...error });
    if (archived === undefined || !PREPARED_AGAIN.has(String(refusal.details['reason'])))
      events.emit('failed', { message: written, error: refusal });
    else {
      await encryption.states.refresh(channel_id);
      await this.outbox.add(written);
      this.wake();
    }
    // Written down here: the node need not tell it again.
    await node.command('ack_status', { message_ids: [message_id] }).catch(() => undefined);
  }

  /** What the node cannot take now is tried again by itself, not before the time that it told (§14.3). */
  private async flush(): Promise<void> {
    if (this.timer !== undefined) return;
    const stopped = await this.outbox.flush();
    if (stopped === undefined) {
      this.attempts = 0;
      return;
    }
    // Without a way the reconnect flushes, unless it was faster than the news that the old way is gone.
    const way = this.parts.way();
    const unreachable = stopped.code === 'NODE_UNREACHABLE' && !way.isOpen;
    if (unreachable || !way.isWanted || this.timer !== undefined) return;
    // A session that is over is renewed first.
    if (stopped.code === 'SESSION_EXPIRED') void way.renew();
    const told = Number(stopped.details['retry_after'] ?? 0) * 1000;
    const wait = Math.max(told, backoffDelay(this.attempts++, this.parts.backoff));
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.wake();
    }, wait);
  }

  private async post(message: SignedMessage): Promise<PostAck> {
    try {
      return await this.parts.node.command<PostAck>('send_message', message);
    } catch (error) {
      const sent = await this.sentBefore(message, asDcpError(error));
      if (sent === undefined) throw error;
      return sent;
    }
  }

  /** An old copy of the storage does not know what became of a message: it was sent under this id since, encrypted another time. */
  private async sentBefore(
    { id, author, channel_id = '' }: SignedMessage,
    error: DcpError,
  ): Promise<PostAck | undefined> {
    const { reason, seq } = error.details;
    if (error.code !== 'CONFLICT' || reason !== 'id_used' || typeof seq !== 'number') return undefined;
    const { messages } = await readForward(this.parts.node, channel_id, seq - 1, 1);
    const found = messages.find((message) => message.id === id && message.author === author);
    return found && { message_id: id, seq: found.node.seq, timestamp: found.timestamp, state: 'ordered' };
  }

  private async prepare(written: OutgoingMessage): Promise<SignedMessage> {
    const { device, clientName, channels, encryption } = this.parts;
    const { channel_id: channelId, content, ...rest } = written;
    if (!channels.isEncrypted(channelId)) {
      await encryption.modes.requireReadable(channelId);
      return signPlain(device, written, clientName);
    }
    const { author, timestamp, id } = rest;
    await encryption.archive.keepSent(channelId, id, { content, author, timestamp, type: rest.type });
    try {
      return await encryption.encryptor.encrypt({ ...rest, channelId, content });
    } catch (error) {
      if (error instanceof ChainError)
        throw new DcpError('CONFLICT', { reason: 'channel_conflict', fault: error.fault });
      throw error;
    }
  }

  private async beforeRetry({ channel_id }: OutgoingMessage, error: DcpError): Promise<void> {
    if (error.code === 'CONFLICT') await this.parts.encryption.states.refresh(channel_id);
  }
}
