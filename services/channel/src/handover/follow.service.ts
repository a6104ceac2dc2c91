import { CHANNEL } from '@dcp/contracts';
import { type Bus, type Clock, type Logger, type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, type Genesis, genesisSchema, type HandoverRecord } from '@dcp/protocol';
import type { LogMetrics } from '../log/log-metrics.js';
import type { OutgoingSender } from '../outgoing/outgoing-sender.js';
import type { MemberLimits } from '../limits.js';
import type { MembershipEvents } from '../members/membership-events.js';
import type { Asks } from '../replicas/asks.js';
import { findHome, type HomeRow, lockHome } from '../replicas/replica.store.js';
import type { HandoverChecks } from './handover-checks.js';
import { findChain, freshOf, insertHandovers } from './handover.store.js';
import { follow, movingSince, stepDown } from './home-rows.store.js';
import { rewind, type Rewound } from './rewind.js';

/** It is there and has no time. */
const STILL_THERE: ReadonlySet<string> = new Set(['RATE_LIMITED', 'MAINTENANCE_MODE']);
/** A home that does not answer within this is away. */
const SILENCE_MS = 5_000;
const NOTHING: Rewound = { entries: 0, left: [], joined: [] };

export interface FollowParts {
  pool: Pool;
  bus: Bus;
  asks: Asks;
  checks: HandoverChecks;
  sender: OutgoingSender;
  events: MembershipEvents;
  limits: MemberLimits;
  metrics: Pick<LogMetrics, 'handovers' | 'handoverConflicts' | 'entriesVoided'>;
  clock: Clock;
  logger: Logger;
  nodeId: string;
}

/** Replicas whose home moves between other nodes: they go where the owner's word leads. */
export class FollowService {
  constructor(private readonly parts: FollowParts) {}

  /** Asks a node that says it is the home how it came to that, and goes with it where that is proven. */
  async learn(nodeId: string, channelId: string, via?: string): Promise<void> {
    const question = { channel: channelId, user_id: this.parts.nodeId };
    const { handovers = [] } = await this.parts.asks.ask(nodeId, 'channel_info', question, undefined, via);
    const last = handovers.at(-1)?.handover;
    if (last === undefined || last.to_node !== nodeId)
      throw new DcpError('FEDERATION_ERROR', { reason: 'not_the_home' });
    await this.follow(channelId, handovers);
  }

  /** Does nothing where the chain is known already; throws FEDERATION_ERROR where it proves nothing. */
  async follow(channelId: string, records: HandoverRecord[]): Promise<void> {
    const row = await findHome(this.parts.pool, channelId);
    if (row === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    const fresh = await this.check(channelId, row, records);
    if (fresh.length === 0) return;
    await this.requireSilent(channelId, fresh);
    const now = new Date(this.parts.clock.now()).toISOString();
    const rewound = await withTransaction(this.parts.pool, (client) => this.#write(client, channelId, records, now));
    this.moved(channelId);
    this.#tell(channelId, row.name, rewound);
  }

  /** An owner may be wrong, or not the owner: a home that still answers is not lost to this node. Throws CONFLICT `home_answers`. */
  async requireSilent(channelId: string, told: Pick<HandoverRecord, 'handover'>[]): Promise<void> {
    for (const { handover } of told) {
      const { kind, from_node, epoch } = handover;
      if (kind !== 'lost' || from_node === this.parts.nodeId) continue;
      if (await this.isAnswering(from_node, channelId, epoch))
        throw new DcpError('CONFLICT', { reason: 'home_answers', home_node: from_node });
    }
  }

  /** Whether a node says that it is the home of the channel, of an epoch before this one. Nodes that are blocked here say nothing. */
  async isAnswering(nodeId: string, channelId: string, before: number): Promise<boolean> {
    const question = { channel: channelId, user_id: this.parts.nodeId };
    try {
      const info = await this.parts.asks.ask(nodeId, 'channel_info', question, SILENCE_MS);
      return info.home_node === nodeId && info.home_epoch < before;
    } catch (error) {
      return error instanceof DcpError && STILL_THERE.has(error.code);
    }
  }

  /** What of a chain is new here, every word of it checked. */
  async check(channelId: string, row: HomeRow, records: HandoverRecord[]): Promise<HandoverRecord[]> {
    const fresh = await this.freshOf(channelId, records);
    const genesis = genesisOf(row);
    this.parts.checks.chain(
      channelId,
      genesis,
      records.map(({ handover }) => handover),
    );
    const told = fresh.map(({ handover }) => handover);
    await this.parts.checks.signatures(told, genesis);
    for (const handover of told) await this.parts.checks.currentMandate(handover, genesis);
    await this.parts.checks.closings(fresh);
    return fresh;
  }

  /** As `freshOf`; that two hand-overs were signed is told to who runs the node. */
  async freshOf<T extends { handover: HandoverRecord['handover'] }>(
    channelId: string,
    told: T[],
    client: Pool | PoolClient = this.parts.pool,
  ): Promise<T[]> {
    try {
      return freshOf(await findChain(client, channelId), told);
    } catch (error) {
      this.parts.metrics.handoverConflicts.inc();
      this.parts.logger.warn({ err: error, channel_id: channelId }, 'an owner has signed two hand-overs of one epoch');
      throw error;
    }
  }

  /** This node has given it up, and the new home has not taken it yet. */
  async isMoving(channelId: string): Promise<boolean> {
    return (await movingSince(this.parts.pool, channelId)) !== undefined;
  }

  /** Every instance forgets where it thought that the channel was, and what waits for it is delivered. */
  moved(channelId: string): void {
    const { bus, metrics, sender } = this.parts;
    metrics.handovers.inc();
    bus.publish(CHANNEL.homeMoved, { channel_id: channelId });
    sender.wake();
  }

  async #write(client: PoolClient, channelId: string, records: HandoverRecord[], now: string): Promise<Rewound> {
    const { nodeId } = this.parts;
    const row = await lockHome(client, channelId);
    const fresh = await this.freshOf(channelId, records, client);
    const last = fresh.at(-1)?.handover;
    // Somebody else was faster.
    if (last === undefined) return NOTHING;
    const isHome = row?.replicaFrom === null;
    const wasLost = fresh.some(({ handover }) => handover.kind === 'lost' && handover.from_node === nodeId);
    if (row === undefined || (isHome && !wasLost) || last.to_node === nodeId)
      throw new DcpError('FEDERATION_ERROR', { reason: 'not_a_replica' });
    const rewound = await this.#rewind(client, channelId, row, fresh, now);
    await insertHandovers(client, fresh, now);
    const move = { channelId, toNode: last.to_node, epoch: last.epoch, now };
    if (isHome) await stepDown(client, move);
    await follow(client, move, nodeId);
    return rewound;
  }

  /** What a lost home had ordered behind the end that its owner has signed does not count. */
  async #rewind(
    client: PoolClient,
    channelId: string,
    row: HomeRow,
    fresh: HandoverRecord[],
    now: string,
  ): Promise<Rewound> {
    const ends = fresh.flatMap(({ handover }) => (handover.kind === 'lost' ? (handover.last_seq ?? []) : []));
    const to = Math.min(row.lastSeq, ...ends);
    return to < row.lastSeq ? rewind(client, this.parts, channelId, row, { to, now }) : NOTHING;
  }

  #tell(channelId: string, name: string, { entries, left, joined }: Rewound): void {
    if (entries === 0) return;
    const { events, metrics, logger } = this.parts;
    metrics.entriesVoided.inc(entries);
    logger.warn(
      { channel_id: channelId, entries },
      'what only a lost home and this node had of a channel does not count',
    );
    for (const userId of left) events.left(userId, channelId, name);
    for (const userId of joined) events.joined(userId, channelId, name);
  }
}

/** Throws FEDERATION_ERROR `no_genesis`: a DM, or a channel whose creator was forgotten. */
export function genesisOf({ genesis }: Pick<HomeRow, 'genesis'>): Genesis {
  if (genesis === '') throw new DcpError('FEDERATION_ERROR', { reason: 'no_genesis' });
  return genesisSchema.parse(JSON.parse(genesis));
}
