import type { PeerHandoverAnswer } from '@dcp/contracts';
import { type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, type HandoverRecord } from '@dcp/protocol';
import { isAway } from '../outgoing/away.js';
import { lockHome, retireIfEmpty } from '../replicas/replica.store.js';
import type { FollowParts, FollowService } from './follow.service.js';
import { findChain } from './handover.store.js';
import {
  expireTold,
  type Move,
  movingSince,
  settleTold,
  takeBack,
  tellOthers,
  type WaitingHandover,
  waitingFor,
} from './home-rows.store.js';

/** Channels of one turn. */
const BATCH = 50;

export interface TellerParts extends FollowParts {
  follow: FollowService;
}

/**
 * Tells other nodes that a channel of this one has a new home: first the new home itself, until it has taken the channel or refuses it, then
 * those who were fed from here. One instance at a time for each node (`OutgoingSender`).
 */
export class HandoverTeller {
  constructor(private readonly parts: TellerParts) {}

  /** False: the node must be asked again later. Rejects where it is away. */
  async deliver(nodeId: string): Promise<boolean> {
    let done = true;
    for (const waiting of await waitingFor(this.parts.pool, nodeId, BATCH)) {
      if (!(await this.#tell(nodeId, waiting))) done = false;
    }
    return done;
  }

  async expire(before: Date): Promise<void> {
    await expireTold(this.parts.pool, before);
  }

  async #tell(nodeId: string, { channelId, step }: WaitingHandover): Promise<boolean> {
    const records = await findChain(this.parts.pool, channelId);
    const answer = await this.#ask(nodeId, channelId, step, records);
    // It hears the home that was lost, which has not heard of it yet.
    if (answer instanceof DcpError && answer.details['reason'] === 'home_answers') return false;
    if (step === 'told') {
      // Whoever wants no news of it gets none; he hears from the new home.
      await settleTold(this.parts.pool, channelId, nodeId);
      return true;
    }
    // No error says that it was not taken: an earlier answer may have got lost, and another node may have spoken for the new home.
    if (answer instanceof DcpError) return false;
    await this.#settle(channelId, records, answer);
    return true;
  }

  async #ask(
    nodeId: string,
    channelId: string,
    step: WaitingHandover['step'],
    records: HandoverRecord[],
  ): Promise<PeerHandoverAnswer | DcpError> {
    const body = { step, channel_id: channelId, handovers: records };
    const via = records.at(-1)?.handover.to_node === nodeId ? records.at(-1)?.handover.via : undefined;
    try {
      return await this.parts.asks.ask(nodeId, 'channel_handover', body, undefined, via);
    } catch (error) {
      if (isAway(error) || !(error instanceof DcpError)) throw error;
      return error;
    }
  }

  async #settle(channelId: string, records: HandoverRecord[], { state, reason }: PeerHandoverAnswer): Promise<void> {
    const { pool, follow, logger } = this.parts;
    const refused = state === 'refused';
    if (refused) logger.warn({ channel_id: channelId, reason }, 'a channel was not taken: it stays here');
    await withTransaction(pool, (client) => this.#write(client, channelId, records, refused));
    follow.moved(channelId);
  }

  async #write(client: PoolClient, channelId: string, records: HandoverRecord[], refused: boolean): Promise<void> {
    const { nodeId, clock } = this.parts;
    const last = records.at(-1)?.handover;
    await lockHome(client, channelId);
    const since = await movingSince(client, channelId);
    if (last === undefined || since === undefined) return;
    const move: Move = { channelId, toNode: last.to_node, epoch: last.epoch, now: new Date(clock.now()).toISOString() };
    if (refused) return takeBack(client, { ...move, toNode: nodeId }, since);
    await tellOthers(client, move, since);
    await retireIfEmpty(client, channelId, nodeId, move.now);
  }
}
