import type { Invitation, StatePage, StateRequest } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import { DcpError, genesisSchema } from '@dcp/protocol';
import { fitting } from '../history/page.js';
import type { ChainHead, ChainStore } from './chain.store.js';
import { provesLink } from './signed-state.js';

/** State entries of one page at most. */
const PAGE = 200;
/** Open invitations that a user is shown. */
const MAX_INVITATIONS = 1_000;

/** Profile §4: the state chain, for whoever must check it before he encrypts or joins. */
export class ChainService {
  constructor(
    private readonly chains: ChainStore,
    private readonly clock: Clock,
  ) {}

  /** `known`: it is established already that the asker may read. */
  async page({ channel_id, user_id, after, link }: StateRequest, known = false): Promise<StatePage> {
    const head = await this.chains.find(channel_id, user_id);
    if (head === undefined || !(known || (await this.#mayRead(head, channel_id, user_id, link)))) {
      throw new DcpError('CHANNEL_NOT_FOUND');
    }
    const read = await this.chains.entriesAfter(channel_id, after, PAGE + 1);
    // What came after the head was read belongs to the next page, so that head and entries agree.
    const settled = read.filter(({ seq }) => seq <= head.lastSeq);
    const entries = fitting(settled.slice(0, PAGE));
    return {
      channel_id,
      name: head.name,
      visibility: head.visibility,
      genesis: head.genesis === '' ? null : genesisSchema.parse(JSON.parse(head.genesis)),
      genesis_signature: head.genesisSignature === '' ? null : head.genesisSignature,
      entries,
      has_more: entries.length < settled.length,
      state_head: head.stateHead,
      epoch: head.epoch,
      last_seq: head.lastSeq,
    };
  }

  async #mayRead(head: ChainHead, channelId: string, userId: string, link: StateRequest['link']): Promise<boolean> {
    if (head.visibility === 'public' || head.isMember || head.isInvited) return true;
    if (link === undefined || head.isBanned || !provesLink(channelId, userId, link)) return false;
    return this.chains.hasLink(channelId, link.key, new Date(this.clock.now()));
  }

  async invitations(userId: string): Promise<Invitation[]> {
    const rows = await this.chains.invitationsOf(userId, MAX_INVITATIONS);
    return rows.map(({ created_at, ...row }) => ({ ...row, created: created_at.toISOString() }));
  }
}
