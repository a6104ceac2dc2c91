import { MAX_SUBSCRIPTIONS } from '@dcp/protocol';
import type { ChannelConfig } from './config.js';

/** What bounds the growth of channels. Checked in the transaction that would break them. */
export interface MemberLimits {
  /** Members of one channel. */
  maxMembers: number;
  /** Members of one `e2ee` channel: each of them is handed each sender's keys. */
  maxSealedMembers: number;
  /** Channels of which one user is the owner. */
  maxOwned: number;
  /** Channels of which one user is a member: as many as one socket can hear. */
  maxMemberships: number;
}

export function memberLimits(config: ChannelConfig): MemberLimits {
  return {
    maxMembers: config.maxMembers ?? 100_000,
    maxSealedMembers: config.maxSealedMembers ?? 1_000,
    maxOwned: config.maxOwnedChannels ?? 1_000,
    maxMemberships: MAX_SUBSCRIPTIONS,
  };
}
