import { setTimeout as delay } from 'node:timers/promises';
import type { ChannelHome, HandOverRequest, Peer, PeerHandoverAnswer } from '@dcp/contracts';
import { type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, type Handover, handoverSchema, invalidFormat, parseWith } from '@dcp/protocol';
import type { Head } from '../log/commit-plan.js';
import { lockHeads } from '../log/entry.store.js';
import { checkClock } from '../log/post-checks.js';
import type { MembershipStore } from '../members/membership.store.js';
import { notAMember } from '../members/access.js';
import type { NodeKey } from '../node/node-key.js';
import type { AudienceStore } from '../peers/audience.store.js';
import { requireKnown, requireOwnUser } from '../peers/peer-access.js';
import { findHome, type HomeRow, lockHome } from '../replicas/replica.store.js';
import { type FollowParts, type FollowService, genesisOf } from './follow.service.js';
import type { HandoverInput } from './handover-input.js';
import { findChain, insertHandovers } from './handover.store.js';
import { findMandate } from './mandate.store.js';
import { giveUp } from './home-rows.store.js';
import type { LostHome } from './lost-home.service.js';

/** The owner's node asks the home, which asks the new one and waits until it has taken the channel. */
const ASK_MS = 20_000;
/** How long the home waits for the new one before it answers that the channel is on its way. */
const SETTLE_MS = 6_000;
const LOOK_MS = 50;

export interface GiveParts extends FollowParts {
  follow: FollowService;
  lost: LostHome;
  key: NodeKey;
  members: MembershipStore;
  audience: AudienceStore;
}

/** Channels whose home is here, until their owners give them to another node. */
export class GiveService {
  constructor(private readonly parts: GiveParts) {}

  /** Where a channel has its home, for its members. */
  async home(channelId: string, userId: string): Promise<ChannelHome> {
    const place = await this.parts.members.inspect(channelId, userId);
    if (place === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    if (place.role === null) throw notAMember(place.visibility);
    return this.#homeOf(channelId, (await this.parts.follow.isMoving(channelId)) ? 'moving' : 'settled');
  }

  /** A user of this node gives his channel to another node, wherever its home is now. */
  async handOver({ session, channel_id: channelId, handover: raw }: HandOverRequest): Promise<ChannelHome> {
    const handover = parseWith(handoverSchema, raw);
    if (handover.channel_id !== channelId) throw invalidFormat('not the channel that this was sent to', 'channel_id');
    if (handover.author !== session.user_id) throw denied('foreign_author');
    if ((handover.device ?? null) !== session.device) throw denied('foreign_device');
    const { home_node } = await this.home(channelId, session.user_id);
    const { nodeId } = this.parts;
    const known = await this.parts.follow.freshOf(channelId, [{ handover }]);
    if (handover.kind === 'lost') await this.parts.lost.claim(handover);
    else if (home_node === nodeId || known.length === 0) await this.give(channelId, handover);
    else await this.#askHome(home_node, handover);
    return this.home(channelId, session.user_id);
  }

  /** The owner's node says what its user has signed. */
  async asked(peer: Peer, { channelId, last }: HandoverInput): Promise<PeerHandoverAnswer> {
    requireKnown(peer);
    requireOwnUser(peer, last.author);
    // Nobody tells a home that it is lost and asks it for its word.
    if (last.kind !== 'given') throw new DcpError('FEDERATION_ERROR', { reason: 'home_answers' });
    const known = await this.parts.follow.freshOf(channelId, [{ handover: last }]);
    if (known.length > 0 && (await findHome(this.parts.pool, channelId))?.replicaFrom !== null)
      throw new DcpError('CHANNEL_NOT_FOUND');
    const state = await this.give(channelId, last);
    return { state, last_seq: (await findHome(this.parts.pool, channelId))?.lastSeq ?? 0 };
  }

  /** Safe to repeat. Nothing has changed when it throws. */
  async give(channelId: string, handover: Handover): Promise<ChannelHome['state']> {
    const { follow, pool } = this.parts;
    const isNew = (await follow.freshOf(channelId, [{ handover }])).length > 0;
    if (isNew) {
      await this.#check(channelId, handover);
      await this.#probe(channelId, handover);
      await withTransaction(pool, (client) => this.#giveUp(client, channelId, handover));
      follow.moved(channelId);
      this.parts.sender.heard(handover.to_node);
    }
    return this.#settled(channelId);
  }

  async #askHome(home: string, handover: Handover): Promise<void> {
    const { channel_id, to_node } = handover;
    const body = { step: 'ask', channel_id, handovers: [{ handover }] };
    const { state } = await this.parts.asks.ask(home, 'channel_handover', body, ASK_MS);
    if (state === 'moving' || to_node === this.parts.nodeId) return;
    // The new home says it too, but the owner wants to know now.
    await this.parts.follow.learn(to_node, channel_id, handover.via).catch((error: unknown) => {
      this.parts.logger.debug({ err: error }, 'the new home of a channel was not heard yet');
    });
  }

  async #check(channelId: string, handover: Handover): Promise<void> {
    const { pool, members, checks, clock, audience } = this.parts;
    const row = await findHome(pool, channelId);
    const place = await members.inspect(channelId, handover.author);
    if (row === undefined || place === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    if (place.visibility === 'dm') throw denied('dm');
    if (place.role !== 'owner') throw place.role === null ? notAMember(place.visibility) : denied('not_the_owner');
    checkEpoch(row, handover);
    checkClock(handover.issued, clock.now());
    const before = (await findChain(pool, channelId)).map((record) => record.handover);
    checks.chain(channelId, genesisOf(row), [...before, handover]);
    await checks.signatures([handover], genesisOf(row));
    if (!(await audience.has(channelId, handover.to_node))) {
      throw new DcpError('CONFLICT', { reason: 'no_member', node_id: handover.to_node });
    }
  }

  /** A node that is blocked here is not asked, so nothing is given to it. */
  async #probe(channelId: string, handover: Handover): Promise<void> {
    const { asks, pool } = this.parts;
    const handovers = [...(await findChain(pool, channelId)), { handover }];
    const body = { step: 'probe', channel_id: channelId, handovers };
    await asks.ask(handover.to_node, 'channel_handover', body, undefined, handover.via);
  }

  async #giveUp(client: PoolClient, channelId: string, handover: Handover): Promise<void> {
    const head = (await lockHeads(client, [channelId])).get(channelId);
    if (head === undefined || head.isReplica || head.homeEpoch !== handover.epoch - 1) throw oldEpoch(head);
    const { follow, key, clock } = this.parts;
    await follow.freshOf(channelId, [{ handover }], client);
    const now = new Date(clock.now()).toISOString();
    const { epoch, to_node } = handover;
    const { firstSeq = null } = (await lockHome(client, channelId)) ?? {};
    const first = firstSeq === null ? {} : { first_seq: firstSeq };
    const plain = { channel_id: channelId, epoch: head.homeEpoch, last_seq: head.lastSeq, ...first, to_node };
    const closing = { ...plain, signature: key.sign('ORDER', plain) };
    await insertHandovers(client, [{ handover, closing }], now);
    await giveUp(client, { channelId, toNode: to_node, epoch, now });
  }

  async #settled(channelId: string): Promise<ChannelHome['state']> {
    const end = performance.now() + SETTLE_MS;
    while (await this.parts.follow.isMoving(channelId)) {
      if (performance.now() > end) return 'moving';
      await delay(LOOK_MS);
    }
    return 'settled';
  }

  async #homeOf(channelId: string, state: ChannelHome['state']): Promise<ChannelHome> {
    const row = await findHome(this.parts.pool, channelId);
    if (row === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    const handovers = await findChain(this.parts.pool, channelId);
    const mandate = await findMandate(this.parts.pool, channelId);
    const { name, homeNode, homeEpoch } = row;
    const home = { channel_id: channelId, name, home_node: homeNode, home_epoch: homeEpoch, state, handovers };
    return mandate === undefined ? home : { ...home, mandate };
  }
}

function checkEpoch({ homeEpoch, replicaFrom }: HomeRow, { epoch }: Handover): void {
  if (replicaFrom !== null || epoch !== homeEpoch + 1) throw oldEpoch({ homeEpoch });
}

function oldEpoch(head: Pick<Head, 'homeEpoch'> | undefined): DcpError {
  return new DcpError('CONFLICT', { reason: 'old_epoch', ...(head === undefined ? {} : { epoch: head.homeEpoch }) });
}

function denied(reason: string): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason });
}
