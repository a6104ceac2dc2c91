import { CryptoError, ReceivedSenderKey, verifySigned, wipe } from '@dcp/crypto';
import { messageSigningInput, sealedFrameOf, type DeliveredMessage, type SealedFrame } from '@dcp/protocol';
import type { EventHub } from '../events.js';
import { authorAt, type ChainMember, type ChannelState } from './channel-chain.js';
import type { ChannelStates } from './channel-states.js';
import { DecryptError } from './decrypt-fault.js';
import { membersByTag, readHeads, shortHead, userTag, type ClaimedHead } from './device-heads.js';
import type { DeviceDirectory } from './device-directory.js';
import { deviceAt, signingKeyOf, type CertifiedDevice } from './device-log.js';
import { openContent } from './message-form.js';
import type { ReceivedKey, ReceivedKeys } from './received-keys.js';

export interface DecryptorParts {
  userId: string;
  states: ChannelStates;
  directory: DeviceDirectory;
  keys: ReceivedKeys;
  events: EventHub;
  now: () => number;
}

export interface Decrypted<Kept> {
  content: Record<string, unknown>;
  /** What `keep` made of it. */
  kept: Kept;
  keyId: string;
  /** The key as it is after this message: to be written together with what was read. */
  key: ReceivedKey;
}

/** An encrypted message's own words, checked for their shape. */
export interface SealedMessage {
  frame: SealedFrame;
  nonce: string;
  content: Record<string, unknown>;
  signature: string;
}

/** Opens one message: whose it is, that it is whole, and only then what it says. */
export class Decryptor {
  constructor(private readonly parts: DecryptorParts) {}

  /**
   * Throws DecryptError. `live`: it came in its order, so its author must have been a member at that place. `keep` is given what it says;
   * if that fails, the key still opens the message.
   */
  async open<Kept>(
    message: DeliveredMessage,
    live: boolean,
    keep: (content: Record<string, unknown>) => Promise<Kept>,
  ): Promise<Decrypted<Kept>> {
    const sealed = sealedOf(message);
    const { frame } = sealed;
    const state = live ? await this.stateFor(frame, message.node.seq) : undefined;
    const author = state && authorAt(state, frame.author, message.node.seq);
    if (state !== undefined && author === undefined) throw new DecryptError('not_a_member');
    const device = await this.deviceOf(frame, author);
    if (!verifySigned(signingKeyOf(device), messageSigningInput(message), sealed.signature))
      throw new DecryptError('bad_signature');
    const owner = { channelId: frame.channel_id, userId: frame.author, device: frame.device };
    const key = await this.parts.keys.require(frame.key_id, owner);
    const before = key.chain.serialize();
    try {
      const { content, heads } = this.use(key, sealed);
      if (state !== undefined) await this.checkClaims(state, frame, readHeads(heads));
      return { content, kept: await keep(content), keyId: frame.key_id, key };
    } catch (error) {
      // What could not be checked now is read again later, with the same key.
      if (!(error instanceof DecryptError)) key.chain = ReceivedSenderKey.deserialize(before);
      throw error;
    } finally {
      wipe(before);
    }
  }

  /** That an entry is of the device that it names, whatever it says. Throws DecryptError. */
  async checkAuthor(message: DeliveredMessage): Promise<void> {
    const { author, device, timestamp, signature } = message;
    if (device === undefined) throw new DecryptError('malformed');
    const certified = await this.deviceOf({ author, device, timestamp }, undefined);
    if (!verifySigned(signingKeyOf(certified), messageSigningInput(message), signature))
      throw new DecryptError('bad_signature');
  }

  /** Who joins hears only what comes after his own entry, and his other device may speak first. */
  private async stateFor({ channel_id: channelId, author }: SealedFrame, seq: number): Promise<ChannelState> {
    const state = await this.parts.states.get(channelId);
    return authorAt(state, author, seq) === undefined ? await this.parts.states.refresh(channelId) : state;
  }

  /** What the author knows of the channel and of devices, against what we are shown. */
  private async checkClaims(state: ChannelState, frame: SealedFrame, heads: readonly ClaimedHead[]): Promise<void> {
    if (frame.epoch > state.epoch) await this.parts.states.noteEpoch(frame.channel_id, frame.epoch);
    await this.checkHeads(state, frame.author, heads);
  }

  private async deviceOf(
    frame: Pick<SealedFrame, 'author' | 'device' | 'timestamp'>,
    author: ChainMember | undefined,
  ): Promise<CertifiedDevice> {
    const { directory } = this.parts;
    let log = (await directory.known(frame.author)) ?? (await directory.log(frame.author));
    if (log?.devices[frame.device] === undefined) log = await directory.reread(frame.author);
    const pinned = author?.identityKey;
    if (log !== undefined && pinned !== undefined && pinned !== null && pinned !== log.identityKey)
      throw new DecryptError('unknown_device');
    const device = log === undefined ? undefined : deviceAt(log, frame.device, frame.timestamp);
    if (device === undefined) throw new DecryptError('unknown_device');
    return device;
  }

  private use(key: ReceivedKey, { frame, nonce, content }: SealedMessage) {
    try {
      return key.chain.open(frame.n, this.parts.now(), (conversationKey) =>
        openContent(conversationKey, frame, nonce, content),
      );
    } catch (error) {
      if (!(error instanceof CryptoError)) throw error;
      // Before the chain's start: we were not given it. Everything else was used up or is too far ahead.
      throw new DecryptError(FAULTS[error.code] ?? 'malformed');
    }
  }

  /** What others are shown of the device logs, against what we are shown (profile §5). */
  private async checkHeads(state: ChannelState, author: string, heads: readonly ClaimedHead[]): Promise<void> {
    const byTag = membersByTag(state);
    for (const { tag, head } of heads) {
      const userId = byTag.get(tag);
      if (userId === undefined || (await this.knows(userId, head))) continue;
      // An author knows his own log: if the node does not show us what he names, it hides something.
      if (tag === userTag(author)) await this.parts.directory.raise(author, 'unknown_head');
      else this.parts.events.emit('headMismatch', { userId, seenBy: author });
    }
  }

  private async knows(userId: string, head: string): Promise<boolean> {
    const { directory } = this.parts;
    const holds = (hashes: readonly string[] | undefined) =>
      hashes === undefined || hashes.some((hash) => shortHead(hash) === head);
    return holds((await directory.known(userId))?.hashes) || holds((await directory.reread(userId))?.hashes);
  }
}

const FAULTS: Partial<Record<string, 'replayed' | 'no_key' | 'malformed'>> = {
  replayed: 'replayed',
  too_old: 'no_key',
  too_many_skipped: 'malformed',
};

/** Throws DecryptError `malformed` unless all that the frame needs is there. */
export function sealedOf(message: DeliveredMessage): SealedMessage {
  const frame = sealedFrameOf(message);
  if (frame === undefined) throw new DecryptError('malformed');
  const { content, signature, encryption } = message;
  return { frame, nonce: encryption.nonce, content, signature };
}
