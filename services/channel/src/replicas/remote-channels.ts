import type {
  ChannelInfo,
  ChangeStateRequest,
  HomedChannel,
  Session,
  StateChange,
  StatePage,
  StateRequest,
} from '@dcp/contracts';
import type { Clock, Logger } from '@dcp/node-kit';
import { CHANNEL_ID, DcpError, NODE_ID } from '@dcp/protocol';
import type { ChannelSettings } from '../channels/update-channel.service.js';
import type { ChannelStore } from '../channels/channel.store.js';
import type { ForgetStore } from '../forget/forget.store.js';
import type { MemberLimits } from '../limits.js';
import type { MembershipEvents } from '../members/membership-events.js';
import type { MembershipStore } from '../members/membership.store.js';
import { checkState, parseState, type SignedState } from '../state/signed-state.js';
import type { Asks } from './asks.js';
import type { FollowService } from '../handover/follow.service.js';
import type { HandoverChecks } from '../handover/handover-checks.js';
import { nameHere } from './check-home.js';
import { isNotTheHome, newHomeIn } from './moved.js';
import type { HomeDirectory } from './home-directory.js';
import type { ReplicaService } from './replica.service.js';

export interface RemoteParts {
  asks: Asks;
  homes: HomeDirectory;
  replicas: ReplicaService;
  checks: HandoverChecks;
  follow: FollowService;
  channels: ChannelStore;
  members: MembershipStore;
  forget: ForgetStore;
  events: MembershipEvents;
  limits: MemberLimits;
  clock: Clock;
  logger: Logger;
  nodeId: string;
  verifySignatures: boolean;
}

/** What users of this node do to channels of other nodes: their homes decide, and the replicas follow. */
export class RemoteChannels {
  constructor(private readonly parts: RemoteParts) {}

  /** The other node that must be asked about a channel; undefined: this one answers. */
  async homeOf(channelId: string): Promise<string | undefined> {
    return (await this.parts.homes.find(channelId)) ?? undefined;
  }

  /**
   * Does something where the channel's home is. It may have moved since it was last heard of: then once more, at the new one.
   */
  async atHome<T>(channelId: string, here: () => Promise<T>, there: (home: string) => Promise<T>): Promise<T> {
    const decide = async () => {
      const home = await this.homeOf(channelId);
      return home === undefined ? here() : there(home);
    };
    try {
      return await decide();
    } catch (error) {
      const home = newHomeIn(error);
      if (home === undefined && !isNotTheHome(error)) throw await this.#unlessMoving(channelId, error);
      this.parts.homes.forget(channelId);
      if (home !== undefined) await this.#moved(channelId, home);
      return decide();
    }
  }

  /** A new home that has not taken the channel yet knows nothing of being one. */
  async #unlessMoving(channelId: string, error: unknown): Promise<unknown> {
    const isUnknown = error instanceof DcpError && error.code === 'CHANNEL_NOT_FOUND';
    if (!isUnknown || !(await this.parts.follow.isMoving(channelId))) return error;
    return new DcpError('NODE_UNREACHABLE', { reason: 'moving' });
  }

  /** What the home before said is only a hint: the new one proves it. */
  async #moved(channelId: string, home: string): Promise<void> {
    const { replicas, follow, nodeId } = this.parts;
    if (home === nodeId) return;
    if (await replicas.isKept(channelId)) await follow.learn(home, channelId);
    else await this.#ask(home, channelId, nodeId);
  }

  /** `#name@node`, `ch_…@node` or the id of a channel that another node was named for. Undefined: this node's own affair. */
  async resolve(reference: string, userId: string | undefined): Promise<ChannelInfo | undefined> {
    const { nodeId, channels } = this.parts;
    const [local = '', node] = reference.split('@');
    const isId = CHANNEL_ID.test(local);
    // A replica of it, under the name that it has here.
    const known =
      node === undefined ? undefined : await (isId ? channels.findById(local) : channels.findByName(reference, userId));
    if (known !== undefined) return known;
    const home = node ?? (isId ? await this.homeOf(local) : undefined);
    if (home === undefined || home === nodeId || local === '' || !NODE_ID.test(home)) return undefined;
    return this.#ask(home, local, userId ?? nodeId);
  }

  /** Mode `node`: the home takes this node's word for its user. */
  async join({ user_id }: Session, channelId: string, home: string): Promise<StateChange> {
    await this.#checkCounts(user_id);
    const body = { user_id, channel_id: channelId, change: 'join' };
    const answer = await this.parts.asks.ask(home, 'channel_change', body);
    await this.#arrive(home, user_id, channelId, answer.seq);
    return here(answer, home);
  }

  /** Title and description, in mode `node`. */
  async update({ user_id }: Session, channelId: string, wanted: ChannelSettings, home: string): Promise<StateChange> {
    const body = { user_id, channel_id: channelId, change: 'update', ...wanted };
    const answer = await this.parts.asks.ask(home, 'channel_change', body);
    await this.parts.replicas.caughtUp(channelId, answer.seq);
    return here(answer, home);
  }

  async leave({ user_id }: Session, channelId: string, home: string): Promise<StateChange> {
    const { encryption, visibility } = await this.parts.channels.identityOf(channelId);
    if (visibility === 'dm') throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'dm' });
    if (encryption === 'e2ee')
      throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'signature_required', path: 'entry' });
    const body = { user_id, channel_id: channelId, change: 'leave' };
    const answer = await this.parts.asks.ask(home, 'channel_change', body);
    await this.#depart(user_id, channelId, answer.seq);
    return here(answer, home);
  }

  /** What needs no lock is checked here as for channels of this node; the home checks it again, and the rest. */
  async change({ session, channel_id, entry }: ChangeStateRequest, home: string): Promise<StateChange> {
    const { clock, verifySignatures, asks } = this.parts;
    const signed = parseState(entry, channel_id, session);
    checkState(signed, session, { now: clock.now(), verifySignatures });
    const { action } = signed.state.content;
    if (action === 'user_joined') await this.#checkCounts(session.user_id);
    const body = { user_id: session.user_id, channel_id, change: 'state', entry: signed.stored };
    const answer = await asks.ask(home, 'channel_change', body).catch((error: unknown) => {
      return this.#alreadyIn(error, home, session.user_id, signed);
    });
    if (action === 'user_joined') await this.#arrive(home, session.user_id, channel_id, answer.seq);
    else if (action === 'user_left') await this.#depart(session.user_id, channel_id, answer.seq);
    else if ((await this.parts.replicas.living(channel_id)) !== undefined) {
      await this.parts.replicas.caughtUp(channel_id, answer.seq);
    }
    return here(answer, home);
  }

  /** The chain as the home tells it, for a user of whom the replica does not know yet. */
  async state(request: StateRequest, home: string): Promise<StatePage> {
    const page = await this.parts.asks.ask(home, 'channel_state', { ...request });
    return { ...page, name: nameHere(page.name, home) };
  }

  /** Before an account ends: the home is told if it can be; what is here goes in any case. */
  async departed(userId: string, channelId: string, home: string): Promise<boolean> {
    const body = { user_id: userId, channel_id: channelId, change: 'leave' };
    try {
      await this.parts.asks.ask(home, 'channel_change', body);
      return true;
    } catch (error) {
      this.parts.logger.warn({ err: error, node: home }, 'could not tell a home that an account has ended');
      return false;
    }
  }

  /** `moved`: another node has named this one. */
  async #ask(home: string, channel: string, userId: string, moved = false): Promise<ChannelInfo> {
    const { asks, homes } = this.parts;
    const info = await asks.ask(home, 'channel_info', { channel, user_id: userId }).catch((error: unknown) => {
      const next = newHomeIn(error);
      if (next === undefined || next === home || moved) throw error;
      return next;
    });
    if (typeof info === 'string') return this.#ask(info, channel, userId, true);
    if (CHANNEL_ID.test(channel) && info.channel_id !== channel)
      throw new DcpError('FEDERATION_ERROR', { reason: 'another_channel' });
    // A hidden channel shows nothing by which it could be checked before its chain is read.
    if (info.standing !== 'none' || info.genesis !== null) await this.parts.checks.home(info, home);
    await homes.remember(info.channel_id, home);
    return publicInfo(info, home);
  }

  async #checkCounts(userId: string): Promise<void> {
    const { all } = await this.parts.members.countOf(userId);
    if (all >= this.parts.limits.maxMemberships) {
      throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'too_many_memberships' });
    }
  }

  /** An earlier answer got lost: he is in, but the replica was never made. */
  async #alreadyIn(error: unknown, home: string, userId: string, { state }: SignedState): Promise<never> {
    const isIn = error instanceof DcpError && error.code === 'CONFLICT' && error.details['what'] === 'user_joined';
    if (isIn && state.content.action === 'user_joined') await this.parts.replicas.adopt(home, state.channel_id, userId);
    throw error;
  }

  async #arrive(home: string, userId: string, channelId: string, seq: number): Promise<void> {
    const { replicas } = this.parts;
    await replicas.adopt(home, channelId, userId, seq);
    await replicas.caughtUp(channelId, seq);
  }

  /** The home's word is enough: with its last member the node may hear no more of the channel. */
  async #depart(userId: string, channelId: string, seq: number): Promise<void> {
    const { replicas, members, forget, events } = this.parts;
    const row = await replicas.living(channelId);
    if (row === undefined) return;
    if (!(await members.onlyOneOf(channelId, userId, this.parts.nodeId))) await replicas.caughtUp(channelId, seq);
    const left = await forget.removeMember(channelId, userId);
    if (left !== undefined) events.left(userId, channelId, left.name);
  }
}

/** Names of other nodes' channels carry the node here. */
function here(change: StateChange, home: string): StateChange {
  const { channel_id, name, seq, changed, encryption, visibility, state_head, epoch } = change;
  return { channel_id, name: nameHere(name, home), seq, changed, encryption, visibility, state_head, epoch };
}

function publicInfo(info: HomedChannel, home: string): ChannelInfo {
  const { channel_id, title, description, encryption, visibility, member_count, last_activity, last_seq } = info;
  const name = nameHere(info.name, home);
  return { channel_id, name, title, description, encryption, visibility, member_count, last_activity, last_seq };
}
