import type { StateChange } from '@dcp/contracts';
import type { Outcome } from '../log/operation.js';

/** The answer to a command that changed, or would have changed, a channel. */
export function stateChangeOf(channelId: string, outcome: Omit<Outcome, 'aclVersion' | 'concerned'>): StateChange {
  const { name, seq, changed, encryption, visibility, stateHead, epoch } = outcome;
  return { channel_id: channelId, name, seq, changed, encryption, visibility, state_head: stateHead, epoch };
}
