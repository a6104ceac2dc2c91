import { advanceStart, toBase64, wipe, type SenderKeyStart } from '@dcp/crypto';
import type { DeliveredMessage, KeyPayload } from '@dcp/protocol';
import type { ChannelStates } from './channel-states.js';
import { sealedOf, type Decryptor } from './decryptor.js';
import type { BackedUp } from './key-backup.js';
import type { NodePort } from './node-port.js';
import { entitledFrom, hasKey, startAgain, type OwnSenderKeys } from './own-sender-keys.js';
import type { DeviceAddress, Outgoing } from './pair-sessions.js';
import type { PastMembers } from './past-members.js';
import type { KeyOwner } from './received-keys.js';
import { Serial } from './serial.js';

export type KeyRequest = Extract<KeyPayload, { t: 'ask' }>;

/** Questions that wait for a look into the channel's past; of one user, and in all. More are dropped: whoever asks asks again. */
const MAX_WAITING_OF_ONE = 64;
const MAX_WAITING = 512;

export interface KeyAnswersParts {
  self: DeviceAddress;
  own: OwnSenderKeys;
  states: ChannelStates;
  past: PastMembers;
  decryptor: Decryptor;
  node: NodePort;
  send(outgoing: Outgoing[]): Promise<unknown>;
  /** Hands the channel's key to whoever may have it and has not. */
  handOver(channelId: string): Promise<void>;
  backedUp(keyId: string): Promise<BackedUp | undefined>;
}

/**
 * Answers devices that miss a sender key. Its owner knows whom he gave it to. Whoever else has it, and an owner who has lost that knowledge,
 * looks at the message itself: its author signed which state of the channel he wrote it for, and who was a member of that state may read it.
 */
export class KeyAnswers {
  private readonly line = new Serial();
  private readonly waiting = new Map<string, number>();
  private count = 0;

  constructor(private readonly parts: KeyAnswersParts) {}

  /** Throws only when something can be tried again. */
  async answer(from: DeviceAddress, ask: KeyRequest): Promise<void> {
    const { self } = this.parts;
    const owner = { channelId: ask.channel_id, userId: ask.user_id ?? self.userId, device: ask.device ?? self.device };
    const isOwn = owner.userId === self.userId && owner.device === self.device;
    if (isOwn && (await this.answerOwn(from, ask, owner))) return;
    this.later(from, () => this.answerByProof(from, ask, owner, isOwn));
  }

  /** Resolves when everything that was asked so far has been looked at. */
  idle(): Promise<void> {
    return this.line.run(async () => undefined);
  }

  /** Who had the key gets it again, from where he had it; who is a member now gets the present one. */
  private async answerOwn(
    from: DeviceAddress,
    { key_id: keyId, n: wanted }: KeyRequest,
    owner: KeyOwner,
  ): Promise<boolean> {
    const { own, self } = this.parts;
    const key = await own.byId(owner.channelId, keyId);
    const n = key === undefined ? undefined : from.userId === self.userId ? 0 : entitledFrom(key, from.userId);
    const start = key === undefined || n === undefined || n > wanted ? undefined : startAgain(key, n);
    if (key !== undefined && start !== undefined) await this.give(from, owner, key.epoch, start);
    const current = await own.current(owner.channelId);
    if (current !== undefined && !hasKey(current, from))
      await this.parts.handOver(owner.channelId).catch(() => undefined);
    return start !== undefined;
  }

  /** Not while the queue is being read: what lies behind this question in it may be waited for. */
  private later({ userId }: DeviceAddress, task: () => Promise<void>): void {
    const mine = this.waiting.get(userId) ?? 0;
    if (mine >= MAX_WAITING_OF_ONE || this.count >= MAX_WAITING) return;
    this.waiting.set(userId, mine + 1);
    this.count++;
    // Whoever gets no answer asks again.
    void this.line
      .run(task)
      .catch(() => undefined)
      .then(() => this.done(userId));
  }

  private done(userId: string): void {
    this.count--;
    const left = (this.waiting.get(userId) ?? 1) - 1;
    if (left === 0) this.waiting.delete(userId);
    else this.waiting.set(userId, left);
  }

  private async answerByProof(from: DeviceAddress, ask: KeyRequest, owner: KeyOwner, isOwn: boolean): Promise<void> {
    const message = await this.messageOf(ask, owner);
    const members = message && (await this.parts.past.at(owner.channelId, message.encryption.state ?? null));
    if (message === undefined || members === undefined) return;
    if (!members.has(from.userId)) {
      const deny = { t: 'deny', channel_id: owner.channelId, key_id: ask.key_id } as const;
      if (isOwn) await this.parts.send([{ ...from, payload: deny }]);
      return;
    }
    const found = await this.parts.backedUp(ask.key_id);
    if (found === undefined || !isSame(found.owner, owner) || found.start.n > ask.n) return;
    await this.give(from, owner, sealedOf(message).frame.epoch, advanceStart(found.start, ask.n));
  }

  /** The message that is asked for, if it is what the question says and its author's device has signed it. */
  private async messageOf(ask: KeyRequest, owner: KeyOwner): Promise<DeliveredMessage | undefined> {
    const question = { channel: owner.channelId, after: ask.seq - 1, limit: 1 };
    const { messages } = await this.parts.node.command<{ messages: DeliveredMessage[] }>('get_history', question);
    const message = messages.find(({ node }) => node.seq === ask.seq);
    if (message === undefined || message.type === 'system') return undefined;
    const { frame } = sealedOf(message);
    const named = { channelId: frame.channel_id, userId: frame.author, device: frame.device };
    if (!isSame(named, owner) || frame.key_id !== ask.key_id || frame.n !== ask.n) return undefined;
    await this.parts.decryptor.checkAuthor(message);
    return message;
  }

  private async give(to: DeviceAddress, owner: KeyOwner, epoch: number, start: SenderKeyStart): Promise<void> {
    const { self } = this.parts;
    const { channelId: channel_id, userId: user_id, device } = owner;
    const key = { channel_id, epoch, key_id: start.keyId, n: start.n, chain: toBase64(start.chainKey) };
    const isOwn = user_id === self.userId && device === self.device;
    const payload: KeyPayload = isOwn ? { t: 'key', ...key } : { t: 'share', ...key, user_id, device };
    wipe(start.chainKey);
    await this.parts.send([{ ...to, payload }]);
  }
}

function isSame(a: KeyOwner, b: KeyOwner): boolean {
  return a.channelId === b.channelId && a.userId === b.userId && a.device === b.device;
}
