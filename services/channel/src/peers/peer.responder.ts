import { CHANNEL, PEER } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import type { Answering, Responder } from '../answering.js';
import type { OutgoingSender } from '../outgoing/outgoing-sender.js';
import type { ReplicaService } from '../replicas/replica.service.js';
import type { AudienceStore } from './audience.store.js';
import type { PeerChanges } from './peer-changes.service.js';
import type { PeerReads } from './peer-reads.service.js';

export interface PeerResponderParts {
  reads: PeerReads;
  changes: PeerChanges;
  replicas: ReplicaService;
  audience: AudienceStore;
  sender: OutgoingSender;
  clock: Clock;
}

/** What other nodes ask, and what the federation service asks on their account. */
export class PeerResponder implements Responder {
  constructor(private readonly parts: PeerResponderParts) {}

  serve(answering: Answering): void {
    const { reads, changes, replicas } = this.parts;
    answering.serve(PEER.channel_info, ({ peer, body }) => reads.info(peer, body));
    answering.serve(PEER.channel_state, ({ peer, body }) => reads.state(peer, body));
    answering.serve(PEER.channel_history, ({ peer, body }) => reads.history(peer, body));
    answering.serve(PEER.channel_change, ({ peer, body }) => changes.change(peer, body));
    answering.serve(PEER.channel_post, ({ peer, body }) => changes.post(peer, body));
    answering.serve(PEER.channel_notice, ({ peer, body }) => changes.notice(peer, body));
    answering.serve(PEER.entries, ({ peer, body }) => {
      // A home that sends is a home that can be asked.
      this.parts.sender.heard(peer.node_id);
      return replicas.take(peer, body);
    });
    answering.serve(CHANNEL.audience, ({ channel_id, after }) => this.#audience(after ?? '', channel_id));
  }

  async #audience(after: string, channelId: string | undefined) {
    const { audience, clock } = this.parts;
    const channels = await audience.page(after, channelId, clock.now());
    const last = channels.at(-1)?.channel_id;
    return last === undefined || channelId !== undefined ? { channels } : { channels, next: last };
  }
}
