import type { Peer, PeerHandoverAnswer } from '@dcp/contracts';
import { type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, type Handover, type HandoverRecord } from '@dcp/protocol';
import { checkClock } from '../log/post-checks.js';
import type { Publisher } from '../log/publisher.js';
import { requireKnown, requireOwnUser } from '../peers/peer-access.js';
import { isChainWhole } from '../replicas/chain-gap.store.js';
import { findHome, lockHome } from '../replicas/replica.store.js';
import { type FollowParts, type FollowService, genesisOf } from './follow.service.js';
import { closedRecords, type HandoverInput } from './handover-input.js';
import { findChain, insertHandovers } from './handover.store.js';
import { membersAmong } from './mandate.store.js';
import { isNameTaken, takeOver, tellLost } from './home-rows.store.js';
import { appendVoid } from './lost-home.store.js';

const CLAIM_MS = 20_000;

export interface LostHomeParts extends FollowParts {
  follow: FollowService;
  publisher: Publisher;
}

/** Channels whose home is gone for good: by the word of their owner, or of his admins, another node goes on with what is left (ADR 30, 31). */
export class LostHome {
  constructor(private readonly parts: LostHomeParts) {}

  /** A user of this node has signed that another one follows the home that was lost. Safe to repeat. */
  async claim(handover: Handover): Promise<void> {
    const { pool, asks, follow, nodeId } = this.parts;
    const { channel_id: channelId, to_node: toNode, via } = handover;
    if ((await follow.freshOf(channelId, [{ handover }])).length === 0) return;
    const handovers = [...(await findChain(pool, channelId)), { handover }];
    if (toNode === nodeId) return this.#take(channelId, handovers);
    await follow.requireSilent(channelId, [{ handover }]);
    await asks.ask(toNode, 'channel_handover', { step: 'claim', channel_id: channelId, handovers }, CLAIM_MS, via);
    await follow.learn(toNode, channelId, via);
  }

  /** The node of the owner, or of the admin who speaks for all, says that this one shall go on with the channel. */
  async claimed(peer: Peer, { channelId, last, handovers }: HandoverInput): Promise<PeerHandoverAnswer> {
    requireKnown(peer);
    requireOwnUser(peer, last.author);
    if (last.to_node !== this.parts.nodeId || last.kind !== 'lost')
      throw new DcpError('FEDERATION_ERROR', { reason: 'not_the_home' });
    await this.#take(channelId, closedRecords(handovers));
    return { state: 'settled', last_seq: (await findHome(this.parts.pool, channelId))?.lastSeq ?? 0 };
  }

  async #take(channelId: string, records: HandoverRecord[]): Promise<void> {
    const { follow, pool, checks, clock, publisher, logger } = this.parts;
    if ((await follow.freshOf(channelId, records)).length === 0) return;
    const [before, last] = [records.slice(0, -1), records.at(-1)?.handover];
    if (last === undefined) return;
    if (before.length > 0) await follow.follow(channelId, before);
    const row = await findHome(pool, channelId);
    if (row === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    checkClock(last.issued, clock.now());
    const genesis = genesisOf(row);
    checks.chain(
      channelId,
      genesis,
      records.map(({ handover }) => handover),
    );
    await checks.signatures([last], genesis);
    await checks.currentMandate(last, genesis);
    await follow.requireSilent(channelId, [{ handover: last }]);
    const now = new Date(clock.now()).toISOString();
    const entries = await withTransaction(pool, (client) => this.#write(client, channelId, last, now));
    logger.warn(
      { channel_id: channelId, epoch: last.epoch, lost: last.from_node },
      'a channel whose home was lost goes on here',
    );
    follow.moved(channelId);
    const { name = '' } = (await findHome(pool, channelId)) ?? {};
    publisher.publishEntries(channelId, name, entries);
  }

  async #write(client: PoolClient, channelId: string, last: Handover, now: string) {
    const row = await lockHome(client, channelId);
    if ((await this.parts.follow.freshOf(channelId, [{ handover: last }], client)).length === 0) return [];
    if (row === undefined || row.retired || row.replicaFrom === null || row.homeNode !== last.from_node)
      throw new DcpError('CHANNEL_NOT_FOUND');
    if (!(await isChainWhole(client, channelId))) throw new DcpError('CONFLICT', { reason: 'behind' });
    // It was signed for what this node had when it was asked: it has more now, or another was asked.
    if (row.lastSeq !== last.last_seq) throw new DcpError('CONFLICT', { reason: 'another_end', last_seq: row.lastSeq });
    await requireMembers(client, last);
    if (await isNameTaken(client, channelId)) throw new DcpError('CONFLICT', { reason: 'name_taken' });
    await insertHandovers(client, [{ handover: last }], now);
    await takeOver(client, { channelId, toNode: last.to_node, epoch: last.epoch, now });
    await tellLost(client, channelId, last.from_node, now);
    return appendVoid(client, channelId, last.void_to ?? row.lastSeq, now);
  }
}

/** An admin who has left, or was removed, speaks for nobody any more. */
async function requireMembers(client: PoolClient, { channel_id, author, mandate, consents = [] }: Handover) {
  if (mandate === undefined) return;
  const admins = [author, ...consents.map((consent) => consent.author)];
  const members = await membersAmong(client, channel_id, admins);
  const gone = admins.find((admin) => !members.has(admin));
  if (gone !== undefined) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member', user_id: gone });
}
