import type { ChangeStateRequest, StateChange } from '@dcp/contracts';
import type { Clock, Pool } from '@dcp/node-kit';
import type { ChannelStore } from '../channels/channel.store.js';
import { findKnown } from '../log/entry.store.js';
import type { GroupCommit } from '../log/group-commit.js';
import { type Concerned, pairKey } from '../log/operation.js';
import type { MembershipEvents } from '../members/membership-events.js';
import { checkState, parseState, type SignedState } from './signed-state.js';
import { stateChangeOf } from './state-change.js';

export interface StateServiceParts {
  channels: ChannelStore;
  commits: GroupCommit;
  pool: Pool;
  events: MembershipEvents;
  clock: Clock;
  verifySignatures: boolean;
}

/** Profile §4: changes of `e2ee` channels, each signed by its author. */
export class StateService {
  constructor(private readonly parts: StateServiceParts) {}

  /** `relayed`: by another node, for its user. */
  async change(
    { session, channel_id: channelId, entry: raw }: ChangeStateRequest,
    { relayed } = { relayed: false },
  ): Promise<StateChange> {
    const { commits, clock, verifySignatures } = this.parts;
    const signed = parseState(raw, channelId, session);
    const at = clock.now();
    try {
      checkState(signed, session, { now: at, verifySignatures, relayed });
    } catch (error) {
      const repeated = await this.#repeated(channelId, signed);
      if (repeated === undefined) throw error;
      return repeated;
    }
    const { state, entry, linkKey } = signed;
    const operation = { kind: 'state', channelId, userId: session.user_id, entry, state, linkKey, at } as const;
    const outcome = await commits.submit(operation);
    this.#tell(channelId, outcome.name, session.user_id, outcome.concerned ?? []);
    return stateChangeOf(channelId, outcome);
  }

  /** Idempotency comes before all other rules (profile §4): a retry that has become too old still gets its first answer. */
  async #repeated(channelId: string, { entry }: SignedState): Promise<StateChange | undefined> {
    const known = await findKnown(this.parts.pool, [{ channelId, entry }]);
    const stored = known.get(pairKey(channelId, entry.id));
    if (stored === undefined || !entry.digest.equals(stored.digest)) return undefined;
    return { ...(await this.parts.channels.stateOf(channelId)), seq: stored.seq };
  }

  #tell(channelId: string, name: string, by: string, concerned: Concerned[]): void {
    for (const { userId, change } of concerned) {
      if (change === 'joined' || change === 'left') this.parts.events[change](userId, channelId, name);
      else this.parts.events.invitation({ user_id: userId, channel_id: channelId, name, by, change });
    }
  }
}
