import { fromBase64 } from '@dcp/crypto';
import type { KeyHandOver, KeyPayload, KeyShare } from '@dcp/protocol';
import type { EventHub } from '../events.js';
import type { ChannelState } from './channel-chain.js';
import type { ChannelStates } from './channel-states.js';
import type { KeyAnswers } from './key-answers.js';
import type { DeviceAddress } from './pair-sessions.js';
import type { KeyOwner, ReceivedKeys } from './received-keys.js';

export interface KeyDeskParts {
  states: ChannelStates;
  received: ReceivedKeys;
  answers: KeyAnswers;
  events: EventHub;
  /** `shared`: it came from somebody else than its owner. */
  onKey(owner: KeyOwner, start: { keyId: string; n: number; chainKey: Uint8Array }, shared: boolean): Promise<void>;
  onRefusal(keyId: string): Promise<void>;
  /** A message of this device waits for this key. */
  isWanted(keyId: string, owner: KeyOwner): boolean;
}

/** Deals with what devices tell each other about sender keys: takes them, has questions answered, hears refusals. */
export class KeyDesk {
  constructor(private readonly parts: KeyDeskParts) {}

  /** What it kept is in the storage when this resolves. Throws only when something can be tried again. */
  async handle(from: DeviceAddress, payload: KeyPayload): Promise<void> {
    switch (payload.t) {
      case 'key':
        return await this.take(from, payload, { channelId: payload.channel_id, ...from }, false);
      case 'share':
        return await this.takeShared(from, payload);
      case 'ask':
        return await this.parts.answers.answer(from, payload);
      case 'deny':
        return await this.refused(from, payload);
      case 'ping':
        return;
    }
  }

  private async takeShared(from: DeviceAddress, payload: KeyShare): Promise<void> {
    const { channel_id: channelId, user_id: userId, device } = payload;
    await this.take(from, payload, { channelId, userId, device }, true);
  }

  /** A key is worth something only from a member, or from one who was; a share from one's own device or a member. */
  private async take(
    from: DeviceAddress,
    payload: KeyHandOver | KeyShare,
    owner: KeyOwner,
    shared: boolean,
  ): Promise<void> {
    // Whoever has left may still hand over what he wrote before.
    const wanted = this.parts.isWanted(payload.key_id, { ...owner, ...from });
    if (!wanted && !(await this.isMember(from, owner.channelId, !shared))) return this.fault(from, 'not_a_member');
    const start = { keyId: payload.key_id, n: payload.n, chainKey: fromBase64(payload.chain) };
    if (start.chainKey.length !== 32) return this.fault(from, 'malformed');
    if (!(await this.parts.received.put(owner, start, shared))) return this.fault(from, 'foreign_key_id');
    await this.parts.onKey(owner, start, shared);
  }

  private async isMember({ userId }: DeviceAddress, channelId: string, orWas: boolean): Promise<boolean> {
    const has = (state: ChannelState | undefined) =>
      state?.members[userId] !== undefined || (orWas && state?.former?.[userId] !== undefined);
    if (has(await this.parts.states.get(channelId).catch(() => undefined))) return true;
    // He may have joined a moment ago: his hand-over can be faster than the entry that lets him in.
    return has(await this.parts.states.refresh(channelId).catch(() => undefined));
  }

  /** Only the key's owner can refuse it, and only when he was asked. */
  private async refused(
    from: DeviceAddress,
    { key_id, channel_id }: { key_id: string; channel_id: string },
  ): Promise<void> {
    if (this.parts.isWanted(key_id, { channelId: channel_id, ...from })) await this.parts.onRefusal(key_id);
  }

  private fault({ userId, device }: DeviceAddress, reason: string): void {
    this.parts.events.emit('keyFault', { userId, device, reason });
  }
}
