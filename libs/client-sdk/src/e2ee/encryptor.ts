import { signDigest, toBase64, wipe, type SenderKeyStart } from '@dcp/crypto';
import { checkMessageSize, DcpError, messageSigningInput, type KeyPayload, type SignedMessage } from '@dcp/protocol';
import type { Device } from '../session/device.js';
import type { ChannelState } from './channel-chain.js';
import type { ChannelStates } from './channel-states.js';
import { readersFor, writeHeads } from './device-heads.js';
import type { DeviceDirectory } from './device-directory.js';
import { logHead } from './device-log.js';
import { sealContent } from './message-form.js';
import { chainOf, entitledFrom, hasKey, startAgain, type OwnKey, type OwnSenderKeys } from './own-sender-keys.js';
import { addressKey, type DeviceAddress, type PairSessions } from './pair-sessions.js';
import { recipientsOf, type Recipients } from './recipients.js';
import { SerialByKey } from './serial.js';

/** What is to be said, before it is encrypted. */
export interface Plain {
  id: string;
  type: 'text' | 'media' | 'voice';
  timestamp: string;
  channelId: string;
  content: Record<string, unknown>;
}

export interface EncryptorParts {
  device: Device;
  states: ChannelStates;
  directory: DeviceDirectory;
  keys: OwnSenderKeys;
  sessions: PairSessions;
  /** A new sender key was made: the backup wants it. */
  onNewKey(key: OwnKey): Promise<void>;
  now: () => number;
}

/** Encrypts what one writes: hands the sender key to every device that may read it, then seals and signs the message. */
export class Encryptor {
  private readonly lines = new SerialByKey();
  private readonly own: DeviceAddress;

  constructor(private readonly parts: EncryptorParts) {
    this.own = { userId: parts.device.userId, device: parts.device.id };
  }

  /**
   * The message of §6.1 for the node. When this resolves, every device that the node can reach has the key in its queue, and the chain has
   * been moved on in the storage. Rejects with DcpError (CONFLICT `device_conflict`, the node's own), ChainError.
   */
  encrypt(plain: Plain): Promise<SignedMessage> {
    return this.lines.run(plain.channelId, () => this.encryptNext(plain));
  }

  /** Makes and hands over the key for what will be sent next, so that the next message does not wait for it. */
  prepare(channelId: string): Promise<void> {
    return this.lines.run(channelId, async () => void (await this.readyKey(channelId)));
  }

  /** The DM's other side has written: our next message gets a new key (profile §5). */
  async noteAnswer(channelId: string): Promise<void> {
    await this.lines.run(channelId, async () => {
      const key = await this.parts.keys.current(channelId);
      if (key === undefined || key.answered === true || chainOf(key).n === 0) return;
      await this.parts.keys.save({ ...key, answered: true });
    });
  }

  /** The channel's key is not used again. */
  async rotate(channelId: string): Promise<void> {
    await this.lines.run(channelId, () => this.parts.keys.retire(channelId));
  }

  private async encryptNext(plain: Plain): Promise<SignedMessage> {
    const { key, state, recipients } = await this.readyKey(plain.channelId);
    const chain = chainOf(key);
    const { n, conversationKey } = chain.next();
    // Before the message exists: a chain that is set back would use a key twice.
    await this.parts.keys.save({ ...key, answered: false, state: toBase64(chain.serialize()) });
    chain.wipe();
    try {
      return this.seal(
        plain,
        { keyId: key.keyId, epoch: key.epoch, n, stateHead: state.head },
        conversationKey,
        heads(state, recipients, this.own, n),
      );
    } finally {
      wipe(conversationKey);
    }
  }

  private seal(
    plain: Plain,
    { keyId, epoch, n, stateHead }: { keyId: string; epoch: number; n: number; stateHead: string | null },
    conversationKey: Uint8Array,
    headBytes: Uint8Array,
  ): SignedMessage {
    const { device } = this.parts;
    const { id, type, timestamp, channelId } = plain;
    const base = { id, type, timestamp, author: device.userId, device: device.id, channel_id: channelId };
    const frame = { ...base, key_id: keyId, epoch, n };
    const sealed = sealContent(conversationKey, frame, plain.content, headBytes);
    // The node refuses it if somebody came or went meanwhile: whoever reads the message has its key then.
    const state = stateHead === null ? {} : { state: stateHead };
    const unsigned = { ...base, ...sealed, encryption: { ...sealed.encryption, ...state }, metadata: {} };
    const message = { ...unsigned, signature: signDigest(device.seed, messageSigningInput(unsigned)) };
    checkMessageSize(message);
    return message;
  }

  /** The key for the next message, in the hands of everybody who may read it. */
  private async readyKey(channelId: string): Promise<{ key: OwnKey; state: ChannelState; recipients: Recipients }> {
    const { states, keys, directory, onNewKey } = this.parts;
    let state = await states.forSending(channelId);
    // Who joins hears only what comes after his own entry.
    if (state.members[this.own.userId] === undefined) state = await states.refresh(channelId);
    if (state.members[this.own.userId] === undefined)
      throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member' });
    const recipients = await recipientsOf(state, this.own, directory);
    let key = await keys.current(channelId);
    if (key === undefined || this.mustRotate(key, state, recipients)) {
      key = await keys.rotate(channelId, state.epoch, revokedIn(recipients));
      await onNewKey(key);
    }
    return { key: await this.handOver(key, recipients), state, recipients };
  }

  /** 1,000 messages or 24 h; a new epoch; a device that may have the key may read no longer; the DM changed its direction. */
  private mustRotate(key: OwnKey, state: ChannelState, recipients: Recipients): boolean {
    const chain = chainOf(key);
    const expired = chain.expired(this.parts.now());
    chain.wipe();
    if (expired || key.epoch !== state.epoch) return true;
    if (state.visibility === 'dm' && key.answered === true) return true;
    // It may have the key without having been handed it: out of its user's backup.
    const known = key.revoked ?? {};
    if (Object.entries(revokedIn(recipients)).some(([userId, count]) => count > (known[userId] ?? 0))) return true;
    const allowed = new Set(recipients.devices.map(({ userId, device }) => `${userId}/${device}`));
    return Object.keys(key.handed).some((address) => !allowed.has(address));
  }

  private async handOver(key: OwnKey, { devices }: Recipients): Promise<OwnKey> {
    const missing = devices.filter((address) => !hasKey(key, address));
    if (missing.length === 0) return key;
    const starts = missing.map((address) => ({ address, start: this.startFor(key, address.userId) }));
    const outgoing = starts.map(({ address, start }) => ({ ...address, payload: payloadOf(key, start) }));
    const reached = await this.parts.sessions.send(outgoing);
    const given = new Map(starts.map(({ address, start }) => [addressKey(address), start.n]));
    await this.parts.keys.handedTo(key, given, new Set(reached.map(addressKey)));
    return key;
  }

  /** A user's further devices get the key from where his first one has it, our own from its beginning; newcomers from the next message on. */
  private startFor(key: OwnKey, userId: string): SenderKeyStart {
    const n = userId === this.own.userId ? 0 : entitledFrom(key, userId);
    return (n === undefined ? undefined : startAgain(key, n)) ?? chainOf(key).start();
  }
}

/** How many devices each member has revoked. */
function revokedIn({ logs }: Recipients): Record<string, number> {
  const counts = [...logs].map(([userId, { devices }]) => {
    return [userId, Object.values(devices).filter(({ revoked }) => revoked !== undefined).length] as const;
  });
  return Object.fromEntries(counts.filter(([, count]) => count > 0));
}

function payloadOf({ channelId, epoch, keyId }: OwnKey, { n, chainKey }: SenderKeyStart): KeyPayload {
  return { t: 'key', channel_id: channelId, epoch, key_id: keyId, n, chain: toBase64(chainKey) };
}

/** Our own head, and some of the readers', as we know them. */
function heads(state: ChannelState, { logs }: Recipients, own: DeviceAddress, n: number): Uint8Array {
  const users = [own.userId, ...readersFor(Object.keys(state.members), own.userId, n)];
  return writeHeads(
    users.flatMap((userId) => {
      const log = logs.get(userId);
      const hash = log === undefined ? null : logHead(log);
      return hash === null ? [] : [{ userId, hash }];
    }),
  );
}
