import {
  AUTH,
  type Peer,
  type PostBatchAnswer,
  type PostResult,
  refusalOf,
  type Session,
  type StateChange,
} from '@dcp/contracts';
import type { Bus, Clock, Pool } from '@dcp/node-kit';
import { DcpError, dmName, invalidFormat, parseWith } from '@dcp/protocol';
import type { ChannelStore } from '../channels/channel.store.js';
import type { UpdateChannelService } from '../channels/update-channel.service.js';
import type { DmRequests } from '../dms/dm-requests.store.js';
import { ACCEPTANCE, type OpenDmService } from '../dms/open-dm.service.js';
import type { ForgetStore } from '../forget/forget.store.js';
import type { PostService } from '../log/post.service.js';
import type { MembershipEvents } from '../members/membership-events.js';
import type { MembershipService } from '../members/membership.service.js';
import { nodeOf } from '../node/node-of.js';
import { dmHome, dmIdOf, nameHere } from '../replicas/check-home.js';
import type { HomeDirectory } from '../replicas/home-directory.js';
import { isNotTheHome } from '../replicas/moved.js';
import type { StateService } from '../state/state.service.js';
import type { AuthorKeys } from './author-keys.js';
import type { BannedGuests } from './banned-guests.js';
import { foreignUser, isKnown, requireKnown, requireOwnUser } from './peer-access.js';
import { changeRequest, noticeRequest, postRequest } from './peer-input.js';
import { notHere } from './peer-reads.service.js';

export interface PeerChangesParts {
  bus: Bus;
  keys: AuthorKeys;
  banned: BannedGuests;
  posts: PostService;
  membership: MembershipService;
  states: StateService;
  dms: OpenDmService;
  channels: ChannelStore;
  forget: ForgetStore;
  events: MembershipEvents;
  homes: HomeDirectory;
  settings: UpdateChannelService;
  requests: DmRequests;
  clock: Clock;
  pool: Pool;
  /** Of this node. */
  nodeId: string;
}

type Change = ReturnType<typeof changeRequest.parse>;

/** What users of other nodes do in channels whose home is here: by the same services, and so the same rules, as users of this node. */
export class PeerChanges {
  constructor(private readonly parts: PeerChangesParts) {}

  async change(peer: Peer, body: unknown): Promise<StateChange> {
    const request = parseWith(changeRequest, body);
    requireOwnUser(peer, request.user_id);
    const refusal = this.parts.banned.refusal(request.user_id);
    // Whoever is banned may still go.
    if (refusal !== undefined && !isLeaving(request)) throw refusal;
    if (request.change === 'open_dm') return this.#openDm(peer, request);
    await this.#requireWelcome(peer, request);
    const { pool, homes } = this.parts;
    const { channel_id } = request;
    if ((await homes.find(channel_id)) !== null) throw await notHere(pool, channel_id);
    try {
      return await this.#change(peer, request);
    } catch (error) {
      if (!isNotTheHome(error)) throw error;
      homes.forget(channel_id);
      throw await notHere(pool, channel_id);
    }
  }

  /** §10.3: users of a node that nobody has rated come in by a member's invitation or link only; who is in may act, and go. */
  async #requireWelcome(peer: Peer, request: Change): Promise<void> {
    if (isKnown(peer) || isLeaving(request)) return;
    const { action } = (request.entry?.['content'] ?? {}) as { action?: unknown };
    const isOpen = async () => (await this.parts.channels.findById(request.channel_id))?.visibility === 'public';
    if (request.change !== 'state' || (action === 'user_joined' && (await isOpen()))) requireKnown(peer);
  }

  async #change(
    peer: Peer,
    { user_id, channel_id, change, entry, title, description, mandate }: Change,
  ): Promise<StateChange> {
    if (change === 'update') return this.parts.settings.update(user_id, channel_id, { title, description, mandate });
    if (change === 'join') return this.parts.membership.join(user_id, channel_id);
    if (change === 'leave') return this.#leave(user_id, channel_id);
    return this.#state(peer, user_id, channel_id, entry);
  }

  /** One result for each post; what one of them lacks refuses no other. */
  async post(peer: Peer, body: unknown): Promise<PostBatchAnswer> {
    const { posts } = parseWith(postRequest, body);
    const authors = posts.map(({ message }) => authorOf(message));
    const own = authors.map(({ userId }) => nodeOf(userId) === peer.node_id);
    const sessions = (await this.#sessions(peer, authors, own)).map((session) => this.#slowed(session));
    const good = posts.flatMap(({ channel_id, message }, i) => {
      const session = sessions[i];
      return session === undefined || session instanceof DcpError ? [] : [{ channel_id, session, message }];
    });
    const answers = await this.parts.posts.post(good, { relayed: true });
    let next = 0;
    const results = sessions.map((session): PostResult => {
      if (session instanceof DcpError) return { error: refusalOf(session) };
      return answers[next++] ?? { error: refusalOf(new DcpError('INTERNAL_ERROR')) };
    });
    return { results };
  }

  /** A post that comes too soon waits at its author's node (§10.3, §14.3). */
  #slowed(session: Session | DcpError): Session | DcpError {
    return session instanceof DcpError ? session : (this.parts.banned.takeOne(session.user_id) ?? session);
  }

  /** Of a node that is known, an invitation to one of its channels. */
  async notice(peer: Peer, body: unknown): Promise<object> {
    requireKnown(peer);
    const { channel_id, user_id, change, by, name, title, at } = parseWith(noticeRequest, body);
    const { homes, events, nodeId } = this.parts;
    if (nodeOf(user_id) !== nodeId) throw foreignUser();
    const shown = nameHere(name, peer.node_id);
    const told = {
      channel_id,
      user_id,
      home_node: peer.node_id,
      name: shown,
      title,
      invited_by: by,
      created: new Date(at),
    };
    const isNews =
      change === 'invited' ? await homes.invite(told) : await homes.uninvite(channel_id, user_id, peer.node_id);
    if (isNews) events.invitation({ user_id, channel_id, name: shown, by, change });
    return {};
  }

  /**
   * In mode `node` as any leaving. In mode `e2ee` nobody else can sign it, so the node says with it that the account is gone: as for an
   * account of this node the row goes, and the chain says nothing (see README, "Forgetting signs nothing").
   */
  async #leave(userId: string, channelId: string): Promise<StateChange> {
    const { channels, membership, forget, events } = this.parts;
    const { encryption } = await channels.identityOf(channelId);
    if (encryption === 'node') return membership.leave(userId, channelId);
    const left = await forget.removeMember(channelId, userId);
    if (left === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    events.left(userId, channelId, left.name);
    return { ...(await channels.stateOf(channelId)), changed: true };
  }

  async #state(peer: Peer, userId: string, channelId: string, entry: Change['entry']): Promise<StateChange> {
    if (entry === undefined) throw invalidFormat('signature_required', 'entry');
    const author = authorOf(entry);
    if (author.userId !== userId) throw foreignUser();
    const [session] = await this.#sessions(peer, [author], [true]);
    if (session === undefined || session instanceof DcpError) throw session ?? unknownDevice();
    return this.parts.states.change({ session, channel_id: channelId, entry }, { relayed: true });
  }

  /** §4.2: whether a user of this node takes DMs, and from whom, he has said to his node. */
  async #openDm(peer: Peer, { user_id, other, channel_id }: Change): Promise<StateChange> {
    const { bus, channels, dms, requests, nodeId } = this.parts;
    if (other === undefined || nodeOf(other) !== nodeId) throw foreignUser();
    if (channel_id !== dmIdOf(user_id, other)) throw invalidFormat('not the DM of the two', 'channel_id');
    const isThere = (await channels.findById(channel_id)) !== undefined;
    if (!isThere && !(await requests.isWished(channel_id))) {
      const { allow_direct_messages, blocked_users } = await bus.request(AUTH.settings, { user_id: other });
      if (!allow_direct_messages || blocked_users.includes(user_id)) {
        throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'direct_messages_off', user_id: other });
      }
      if (!isKnown(peer)) throw await this.#request(peer, user_id, other);
    }
    return dms.open({ user_id }, other, true);
  }

  /** §10.3: a node that nobody has rated delivers nothing before its receiver has accepted. He is shown who would like to write to him. */
  async #request({ node_id }: Peer, from: string, to: string): Promise<DcpError> {
    const { requests, events, clock } = this.parts;
    const [channel_id, name] = [dmIdOf(from, to), dmName(from, to)];
    const told = { channel_id, user_id: to, home_node: dmHome(from, to), name, title: '', invited_by: from };
    const isNews = await requests.ask({ ...told, created: new Date(clock.now()) }, node_id);
    if (isNews) events.invitation({ user_id: to, channel_id, name, by: from, change: 'invited' });
    return new DcpError('INSUFFICIENT_PERMISSIONS', { reason: ACCEPTANCE, user_id: to });
  }

  /** As if each author had logged in here with the device that signed, or why not. */
  async #sessions(peer: Peer, authors: SignedBy[], own: boolean[]): Promise<(Session | DcpError)[]> {
    const asked = authors.filter(({ byNode }, i) => own[i] === true && !byNode);
    const keys = asked.length === 0 ? [] : await this.parts.keys.find(asked);
    let next = 0;
    return authors.map(({ userId, device, byNode }, i) => {
      if (own[i] !== true) return foreignUser();
      const refusal = this.parts.banned.refusal(userId);
      const key = byNode ? '' : keys[next++];
      if (refusal !== undefined) return refusal;
      // Whether it is his will be seen when his log can be had: the post may come again.
      if (key === null) return new DcpError('NODE_UNREACHABLE', { reason: 'device_log' });
      return key === undefined ? unknownDevice() : sessionOf(peer, userId, device, key);
    });
  }
}

function isLeaving({ change, entry }: Change): boolean {
  const { action } = (entry?.['content'] ?? {}) as { action?: unknown };
  return change === 'leave' || (change === 'state' && action === 'user_left');
}

interface SignedBy {
  userId: string;
  device: string | null;
  timestamp: string;
  /** The author's node signed, in a `node` channel; whether it may is decided where the channel's mode is known. */
  byNode: boolean;
}

function authorOf(message: Record<string, unknown>): SignedBy {
  const text = (member: string) => (typeof message[member] === 'string' ? message[member] : '');
  const { signed_by } = (message['metadata'] ?? {}) as { signed_by?: unknown };
  const device = message['device'] === undefined ? null : text('device');
  return {
    userId: text('author'),
    device,
    timestamp: text('timestamp'),
    byNode: signed_by === 'node' && device === null,
  };
}

function sessionOf({ node_id }: Peer, userId: string, device: string | null, key: string): Session {
  return { session_id: `peer:${node_id}`, user_id: userId, device, key, account_type: 'standard', admin: false };
}

function unknownDevice(): DcpError {
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'unknown_device' });
}
