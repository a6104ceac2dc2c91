import type { Peer, PeerHandoverAnswer } from '@dcp/contracts';
import { type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, type ErrorCode, type HandoverRecord } from '@dcp/protocol';
import { requireKnown } from '../peers/peer-access.js';
import type { ReplicaService } from '../replicas/replica.service.js';
import { isChainWhole } from '../replicas/chain-gap.store.js';
import { findHome, type HomeRow, lockHome } from '../replicas/replica.store.js';
import { backfill } from './backfill.js';
import { type FollowParts, type FollowService, genesisOf } from './follow.service.js';
import { closedRecords, type HandoverInput } from './handover-input.js';
import { insertHandovers } from './handover.store.js';
import { isNameTaken, takeOver } from './home-rows.store.js';

/** A question to take a channel is answered by then or not at all: later the home may have heard a refusal to the same question. */
const TAKE_WITHIN_MS = 9_000;
/** Refusals that are final. Everything else may be asked again. */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'CONFLICT',
  'CHANNEL_NOT_FOUND',
  'FEDERATION_ERROR',
  'INSUFFICIENT_PERMISSIONS',
]);

/** How long a node that asks waits for what this one still has to fetch; it asks again. */
const PROBE_MS = 4_000;
const TAKE_MS = 2_000;

export interface NewHomeParts extends FollowParts {
  follow: FollowService;
  replicas: ReplicaService;
}

/** Channels of which this node becomes the home. */
export class NewHome {
  constructor(private readonly parts: NewHomeParts) {}

  /** The home asks before it gives the channel up. Throws CONFLICT `name_taken`, or `behind` as long as something is missing here. */
  async probe(peer: Peer, input: HandoverInput): Promise<PeerHandoverAnswer> {
    const { channelId, last, handovers } = input;
    const row = await this.#replica(peer, input);
    await this.parts.follow.freshOf(channelId, handovers);
    this.parts.checks.chain(
      channelId,
      genesisOf(row),
      handovers.map(({ handover }) => handover),
    );
    await this.parts.checks.signatures([last], genesisOf(row));
    if (await isNameTaken(this.parts.pool, channelId)) throw nameTaken();
    await this.#fetch(channelId, PROBE_MS, await this.#firstOf(row, channelId));
    return { state: 'settled', last_seq: row.lastSeq };
  }

  /** The home has given it up. From the end of the transaction on its entries get their numbers here. */
  async take(peer: Peer, input: HandoverInput): Promise<PeerHandoverAnswer> {
    try {
      return await this.#take(peer, input);
    } catch (error) {
      const isFinal = error instanceof DcpError && FINAL.has(error.code) && error.details['reason'] !== 'behind';
      // Somebody who could not give it is told why, and nothing that he could take for this node's word to the home.
      if (!isFinal || peer.node_id !== input.last.from_node) throw error;
      const reason = String(error.details['reason'] ?? error.code);
      return { state: 'refused', last_seq: 0, reason };
    }
  }

  async #take(peer: Peer, input: HandoverInput): Promise<PeerHandoverAnswer> {
    const end = performance.now() + TAKE_WITHIN_MS;
    const { channelId, last } = input;
    const records = closedRecords(input.handovers);
    if ((await this.parts.follow.freshOf(channelId, records)).length === 0) return this.#taken(channelId);
    const row = await this.#replica(peer, input);
    await this.parts.follow.check(channelId, row, records);
    const closing = records.at(-1)?.closing;
    await this.#fetch(channelId, TAKE_MS, closing?.first_seq ?? 1);
    await this.parts.replicas.caughtUp(channelId, closing?.last_seq ?? 0);
    const now = new Date(this.parts.clock.now()).toISOString();
    await withTransaction(this.parts.pool, (client) => this.#takeOver(client, channelId, records, now, end));
    this.parts.logger.info({ channel_id: channelId, epoch: last.epoch }, 'a channel has its home here now');
    this.parts.follow.moved(channelId);
    return this.#taken(channelId);
  }

  async #takeOver(
    client: PoolClient,
    channelId: string,
    records: HandoverRecord[],
    now: string,
    end: number,
  ): Promise<void> {
    const row = await lockHome(client, channelId);
    const fresh = await this.parts.follow.freshOf(channelId, records, client);
    const [last] = fresh.slice(-1);
    if (last === undefined) return;
    const { from_node, to_node, epoch } = last.handover;
    if (row === undefined || row.retired || row.replicaFrom === null || row.homeNode !== from_node)
      throw new DcpError('CHANNEL_NOT_FOUND');
    const { closing } = last;
    if (closing === undefined) throw new DcpError('FEDERATION_ERROR', { reason: 'closing' });
    const missing =
      row.replicaFrom > (closing.first_seq ?? 1) ||
      !(await isChainWhole(client, channelId)) ||
      row.lastSeq < closing.last_seq ||
      performance.now() > end;
    if (missing) throw behind(row.lastSeq);
    // What only this node has cannot have been ordered by the home before.
    if (row.lastSeq > closing.last_seq) throw new DcpError('FEDERATION_ERROR', { reason: 'closing' });
    if (await isNameTaken(client, channelId)) throw nameTaken();
    await insertHandovers(client, fresh, now);
    await takeOver(client, { channelId, toNode: to_node, epoch, now });
  }

  /** The replica that is to become the channel; where the home before was not heard of yet, it is followed first. */
  async #replica(peer: Peer, { channelId, last, handovers }: HandoverInput): Promise<HomeRow> {
    requireKnown(peer);
    const { follow, pool, nodeId } = this.parts;
    if (last.to_node !== nodeId || last.from_node !== peer.node_id)
      throw new DcpError('FEDERATION_ERROR', { reason: 'not_the_home' });
    const before = handovers.slice(0, -1);
    if (before.length > 0) await follow.follow(channelId, closedRecords(before));
    const row = await findHome(pool, channelId);
    // Without a member here nobody of this node could read what it keeps.
    if (row === undefined || row.retired || row.homeNode !== peer.node_id) throw new DcpError('CHANNEL_NOT_FOUND');
    return row;
  }

  /** What its home has of a log may begin later than the channel did. */
  async #firstOf({ homeNode, replicaFrom }: HomeRow, channelId: string): Promise<number> {
    if (replicaFrom === null || replicaFrom <= 1) return 1;
    const question = { channel: channelId, user_id: this.parts.nodeId };
    return (await this.parts.asks.ask(homeNode, 'channel_info', question)).first_seq ?? 1;
  }

  async #fetch(channelId: string, ms: number, first: number): Promise<void> {
    const from = await backfill(this.parts, channelId, ms, first);
    if (!(await isChainWhole(this.parts.pool, channelId)))
      throw new DcpError('CONFLICT', { reason: 'behind', missing: 1 });
    if (from > first) throw new DcpError('CONFLICT', { reason: 'behind', missing: from - first });
  }

  async #taken(channelId: string): Promise<PeerHandoverAnswer> {
    const row = await findHome(this.parts.pool, channelId);
    return { state: 'settled', last_seq: row?.lastSeq ?? 0 };
  }
}

function behind(lastSeq: number): DcpError {
  return new DcpError('CONFLICT', { reason: 'behind', last_seq: lastSeq });
}

function nameTaken(): DcpError {
  return new DcpError('CONFLICT', { reason: 'name_taken' });
}
