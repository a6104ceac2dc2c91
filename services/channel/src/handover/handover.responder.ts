import { CHANNEL, PEER, type Peer, type PeerHandoverAnswer } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import type { Answering, Responder } from '../answering.js';
import { requireKnown } from '../peers/peer-access.js';
import type { FollowService } from './follow.service.js';
import type { GiveService } from './give.service.js';
import type { HomeSurveys } from './home-surveys.service.js';
import { closedRecords, type HandoverInput, parseHandovers } from './handover-input.js';
import type { LostHome } from './lost-home.service.js';
import type { NewHome } from './new-home.service.js';

export class HandoverResponder implements Responder {
  constructor(
    private readonly give: GiveService,
    private readonly newHome: NewHome,
    private readonly follow: FollowService,
    private readonly lost: LostHome,
    private readonly surveys: HomeSurveys,
  ) {}

  serve(answering: Answering): void {
    answering.serve(CHANNEL.home, ({ channel_id, user_id }) => this.give.home(channel_id, user_id));
    answering.serve(CHANNEL.handOver, (request) => this.give.handOver(request));
    answering.serve(CHANNEL.homeSurvey, ({ channel_id, user_id }) => this.surveys.survey(channel_id, user_id));
    answering.serve(PEER.channel_survey, ({ peer, body }) => this.surveys.surveyed(peer, body));
    answering.serve(PEER.channel_handover, async ({ peer, body }) => this.#hear(peer, parseHandovers(body)));
  }

  async #hear(peer: Peer, input: HandoverInput): Promise<PeerHandoverAnswer> {
    switch (input.step) {
      case 'ask':
        return this.give.asked(peer, input);
      case 'probe':
        return this.newHome.probe(peer, input);
      case 'take':
        return this.newHome.take(peer, input);
      case 'told':
        return this.#told(peer, input);
      case 'claim':
        return this.lost.claimed(peer, input);
    }
  }

  /** By the home before, which must not be believed about channels that it never had; of a lost one by who followed it. */
  async #told(peer: Peer, { channelId, last, handovers }: HandoverInput): Promise<PeerHandoverAnswer> {
    requireKnown(peer);
    const teller = last.kind === 'lost' ? last.to_node : last.from_node;
    if (teller !== peer.node_id) throw new DcpError('FEDERATION_ERROR', { reason: 'not_the_home' });
    await this.follow.follow(channelId, closedRecords(handovers));
    return { state: 'settled', last_seq: 0 };
  }
}
