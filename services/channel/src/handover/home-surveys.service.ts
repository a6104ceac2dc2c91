import type { HomeSurvey, Peer, ReplicaState } from '@dcp/contracts';
import { asDcpError, channelIdField, DcpError, type Mandate, parseWith } from '@dcp/protocol';
import { z } from 'zod';
import { notAMember } from '../members/access.js';
import type { MembershipStore } from '../members/membership.store.js';
import { findHome, type HomeRow } from '../replicas/replica.store.js';
import { type FollowParts, type FollowService, genesisOf } from './follow.service.js';
import { hasMemberOf, memberNodes } from './lost-home.store.js';
import { findMandate } from './mandate.store.js';

const SURVEY_MS = 5_000;

type Surveyed = HomeSurvey['nodes'][number] & { mandate?: Mandate | undefined };

const surveyRequest = z.looseObject({ channel_id: channelIdField });

export interface HomeSurveysParts extends Pick<FollowParts, 'pool' | 'asks' | 'checks' | 'nodeId'> {
  follow: FollowService;
  members: MembershipStore;
}

/** What the nodes of its members have of a channel whose home may be lost (ADR 30, 31). */
export class HomeSurveys {
  constructor(private readonly parts: HomeSurveysParts) {}

  /** What is left, and where: for the members of a channel. */
  async survey(channelId: string, userId: string): Promise<HomeSurvey> {
    const { pool, members, follow, nodeId } = this.parts;
    const place = await members.inspect(channelId, userId);
    const row = await findHome(pool, channelId);
    if (place === undefined || row === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    if (place.role === null) throw notAMember(place.visibility);
    const { homeNode, homeEpoch, name } = row;
    const others = (await memberNodes(pool, channelId)).filter((node) => node !== homeNode && node !== nodeId);
    const [home_answers, ...asked] = await Promise.all([
      homeNode === nodeId || follow.isAnswering(homeNode, channelId, homeEpoch + 1),
      ...others.map((node) => this.#ask(node, channelId)),
    ]);
    const here = { node_id: nodeId, ...stateOf(row) };
    const mandate = await this.#newest(row, channelId, asked);
    const nodes = asked.map(({ mandate: _mandate, ...node }) => node);
    return {
      channel_id: channelId,
      name,
      home_node: homeNode,
      home_epoch: homeEpoch,
      home_answers,
      nodes: [here, ...nodes],
      ...(mandate === undefined ? {} : { mandate }),
    };
  }

  /** For nodes with a member in the channel. */
  async surveyed(peer: Peer, body: unknown): Promise<ReplicaState> {
    const { channel_id } = parseWith(surveyRequest, body);
    const row = await findHome(this.parts.pool, channel_id);
    if (row === undefined || row.retired || !(await hasMemberOf(this.parts.pool, channel_id, peer.node_id)))
      throw new DcpError('CHANNEL_NOT_FOUND');
    const mandate = await findMandate(this.parts.pool, channel_id);
    const state = { home_node: row.homeNode, home_epoch: row.homeEpoch, ...stateOf(row) };
    return mandate === undefined ? state : { ...state, mandate };
  }

  /** Of the mandates that anybody knows the newest that is the owner's. */
  async #newest(row: HomeRow, channelId: string, asked: Surveyed[]): Promise<Mandate | undefined> {
    const own = await findMandate(this.parts.pool, channelId);
    const told = asked.flatMap(({ mandate }) => (mandate?.channel_id === channelId ? [mandate] : []));
    if (told.length === 0 || row.genesis === '') return own;
    const genesis = genesisOf(row);
    const newer = told.filter(({ serial }) => serial > (own?.serial ?? 0)).toSorted((a, b) => b.serial - a.serial);
    for (const mandate of newer) if (await this.parts.checks.isMandate(mandate, genesis)) return mandate;
    return own;
  }

  async #ask(node_id: string, channelId: string): Promise<Surveyed> {
    try {
      const { first_seq, last_seq, mandate } = await this.parts.asks.ask(
        node_id,
        'channel_survey',
        { channel_id: channelId },
        SURVEY_MS,
      );
      return { node_id, first_seq, last_seq, mandate };
    } catch (error) {
      return { node_id, error: asDcpError(error).code };
    }
  }
}

function stateOf({ replicaFrom, firstSeq, lastSeq }: HomeRow): { first_seq: number; last_seq: number } {
  return { first_seq: replicaFrom ?? firstSeq ?? 1, last_seq: lastSeq };
}
