import type { HistoryPage, HomedChannel, Peer, StatePage } from '@dcp/contracts';
import type { Pool } from '@dcp/node-kit';
import { CHANNEL_ID, DcpError, parseWith } from '@dcp/protocol';
import type { ChannelStore } from '../channels/channel.store.js';
import { fitting, PEER_PAGE_BYTES } from '../history/page.js';
import type { HistoryService } from '../history/history.service.js';
import { findMandate } from '../handover/mandate.store.js';
import { findChain, findLastMove } from '../handover/handover.store.js';
import { movedTo } from '../replicas/moved.js';
import type { MembershipStore } from '../members/membership.store.js';
import type { ChainService } from '../state/chain.service.js';
import type { AudienceStore } from './audience.store.js';
import { requireOwn } from './peer-access.js';
import { historyRequest, infoRequest, stateRequest } from './peer-input.js';

export interface PeerReadsParts {
  channels: ChannelStore;
  members: MembershipStore;
  chains: ChainService;
  history: HistoryService;
  audience: AudienceStore;
  pool: Pool;
}

type Standing = HomedChannel['standing'];

/** What other nodes may read of channels whose home is here: what their user may, or for themselves what one of their members may. */
export class PeerReads {
  constructor(private readonly parts: PeerReadsParts) {}

  async info(peer: Peer, body: unknown): Promise<HomedChannel> {
    const { channel, user_id } = parseWith(infoRequest, body);
    requireOwn(peer, user_id);
    const { channels } = this.parts;
    // With `@` it is a name of yet another node.
    const isId = CHANNEL_ID.test(channel);
    const found = isId || channel.includes('@') ? undefined : await channels.findByName(channel, user_id);
    const homed = isId || found !== undefined ? await channels.findHomed(found?.channel_id ?? channel) : undefined;
    if (homed === undefined) throw await notHere(this.parts.pool, channel);
    const standing = await this.#standing(peer, homed.channel_id, user_id);
    if (standing === 'none' && homed.visibility !== 'public') return hidden(homed);
    const { pool } = this.parts;
    const [handovers, mandate] = await Promise.all([
      findChain(pool, homed.channel_id),
      findMandate(pool, homed.channel_id),
    ]);
    const moved = handovers.length === 0 ? {} : { handovers };
    return { ...homed, standing, ...moved, ...(mandate === undefined ? {} : { mandate }) };
  }

  async state(peer: Peer, body: unknown): Promise<StatePage> {
    const request = parseWith(stateRequest, body);
    requireOwn(peer, request.user_id);
    await this.#requireHome(request.channel_id);
    const isNode = request.user_id === peer.node_id;
    const known = isNode && (await this.parts.audience.has(request.channel_id, peer.node_id));
    const page = await this.parts.chains.page(request, known);
    const entries = fitting(page.entries, PEER_PAGE_BYTES);
    return { ...page, entries, has_more: page.has_more || entries.length < page.entries.length };
  }

  async history(peer: Peer, body: unknown): Promise<HistoryPage> {
    const request = parseWith(historyRequest, body);
    requireOwn(peer, request.user_id);
    const { name } = await this.#requireHome(request.channel_id);
    const { audience, history } = this.parts;
    if (request.user_id !== peer.node_id) return forNode(await history.history(request), request.after !== undefined);
    if (!(await audience.has(request.channel_id, peer.node_id))) throw new DcpError('CHANNEL_NOT_FOUND');
    return forNode(await history.page(request, name), request.after !== undefined);
  }

  async #requireHome(channelId: string): Promise<{ name: string }> {
    const homed = await this.parts.channels.findHomed(channelId);
    if (homed === undefined) throw await notHere(this.parts.pool, channelId);
    return homed;
  }

  async #standing(peer: Peer, channelId: string, asker: string): Promise<Standing> {
    const { members, channels, audience } = this.parts;
    if (asker === peer.node_id) return (await audience.has(channelId, asker)) ? 'member' : 'none';
    if ((await members.find(channelId, asker)) !== undefined) return 'member';
    return (await channels.isInvited(channelId, asker)) ? 'invited' : 'none';
  }
}

/** A channel that was here before is asked for where it went. */
export async function notHere(pool: Pool, channel: string): Promise<DcpError> {
  const last = await findLastMove(pool, channel);
  return last === undefined ? new DcpError('CHANNEL_NOT_FOUND') : movedTo(last.toNode);
}

/** What a frame between nodes holds of a page, from the side that it begins at. */
function forNode(page: HistoryPage, forward: boolean): HistoryPage {
  const read = forward ? page.entries : page.entries.toReversed();
  const cut = fitting(read, PEER_PAGE_BYTES);
  const entries = forward ? cut : cut.toReversed();
  return { ...page, entries, has_more: page.has_more || entries.length < page.entries.length };
}

/** An id says nothing (as `CHANNEL.resolve` has it): that there is a channel is told, and nothing of it. Its chain is for who has a link. */
function hidden({
  channel_id,
  home_node,
  home_epoch,
  encryption,
  visibility,
}: Omit<HomedChannel, 'standing'>): HomedChannel {
  return {
    channel_id,
    name: `#${channel_id}`,
    title: '',
    description: '',
    encryption,
    visibility,
    member_count: 0,
    last_activity: new Date(0).toISOString(),
    last_seq: 0,
    home_node,
    home_epoch,
    genesis: null,
    genesis_signature: null,
    state_head: null,
    epoch: 0,
    standing: 'none',
  };
}
