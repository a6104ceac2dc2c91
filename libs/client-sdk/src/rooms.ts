import { asDcpError, CHANNEL_ID, DcpError, type EncryptionMode, type Mandate, parseUserId } from '@dcp/protocol';
import { ChannelHomes } from './channel-homes.js';
import type { ChannelSet } from './channels/channel-set.js';
import { dmChannelId, type ChannelState } from './e2ee/channel-chain.js';
import type { EncryptionEngine } from './e2ee/encryption-engine.js';
import type { NodePort } from './e2ee/node-port.js';
import { newGroupName, StateChanges, type Changed, type InviteLink } from './e2ee/state-changes.js';
import { MoveFollower, type FollowedUser } from './follow-moves.js';
import { formatLink, isLink, parseLink } from './links.js';
import type { Device } from './session/device.js';

const WEEK_MS = 7 * 86_400_000;

export interface Joined {
  channel: string;
  channelId: string;
  head: number;
}

export interface OpenInvitation {
  channel_id: string;
  /** Its `#name`. */
  channel: string;
  title: string;
  invited_by: string;
  created: string;
}

interface Followed {
  channel: string;
  head: number;
  encryption: EncryptionMode;
}

/** Channels: made, joined, left, invited to; private ones, DMs and groups (§9.2). Changes of `e2ee` channels are signed here. */
export class Rooms {
  private readonly changes: StateChanges;
  private readonly follower: MoveFollower;
  /** Which nodes order them, and how their owners move them. */
  readonly homes: ChannelHomes;

  constructor(
    private readonly device: Device,
    private readonly nodeId: string,
    private readonly endpoint: string,
    private readonly node: NodePort,
    private readonly encryption: EncryptionEngine,
    private readonly channels: ChannelSet,
  ) {
    const { states, directory } = encryption;
    this.changes = new StateChanges(device, nodeId, node, states, directory, Date.now);
    this.follower = new MoveFollower(node, encryption);
    this.homes = new ChannelHomes(device, node, (channelId, mandate) => this.setMandate(channelId, mandate));
  }

  async createPublic(
    channel: string,
    more: { name?: string; description?: string; encryption?: EncryptionMode },
  ): Promise<{ channel: string; channelId: string }> {
    const { encryption = 'e2ee', name: title, description } = more;
    const wish = { name: channel, title, description };
    if (encryption === 'node') return this.added(await this.changes.createReadable(wish), false);
    return this.added(await this.changes.create({ ...wish, visibility: 'public' }), true);
  }

  async createPrivate(channel: string, more: { description?: string } = {}): Promise<Joined> {
    return this.added(await this.changes.create({ visibility: 'private', name: channel, ...more }), true);
  }

  /** A group DM with these users; its name is drawn (§9.2). */
  async createGroup(members: string[]): Promise<Joined> {
    return this.added(await this.changes.create({ visibility: 'group', name: newGroupName(), members }), true);
  }

  /**
   * The DM with a user, made when there is none: by his id, or by the link that he has given (`contactLink`). Of somebody who has moved
   * with his new account: `moves` says how it was found, and what was written with the old one stays in that DM.
   */
  async openDm(user: string): Promise<Joined & FollowedUser> {
    const userId = isLink(user) ? await this.contact(user) : user;
    return await this.follower.follow(userId, (at) => this.dmWith(at));
  }

  private async dmWith(userId: string): Promise<Joined> {
    const opened = await this.node.command<Changed>('create_channel', { channel: `@${userId}` });
    const channelId = dmChannelId(this.device.userId, userId);
    await this.encryption.states.openDm(channelId, userId);
    // The node's word is not asked: the id of a DM is known.
    return this.added({ ...opened, channel_id: channelId }, true);
  }

  /**
   * By name, id, or link. What is at another node that this one has not met yet needs a link, or `via`: a host at which that node is
   * found. Rejects with NODE_UNREACHABLE when nobody is there.
   */
  async join(reference: string, { via }: { via?: string } = {}): Promise<Joined> {
    if (isLink(reference)) return await this.joinByLink(reference);
    if (via !== undefined) await this.meet(via);
    const { channelId, encrypted } = await this.find(reference);
    if (encrypted) return await this.joinEncrypted(channelId);
    return this.added(await this.node.command<Changed>('join_channel', { channel: channelId }), false);
  }

  async leave(reference: string): Promise<void> {
    const { channelId, encrypted } = await this.find(reference);
    if (encrypted) await this.changes.leave(channelId);
    else await this.node.command('leave_channel', { channel: channelId });
    this.left(channelId);
  }

  invite(channelId: string, userId: string): Promise<Changed> {
    return this.changes.invite(channelId, userId);
  }

  /** Lets a member read what was written before he came. Answers how many keys he was given. */
  shareHistory(channelId: string, userId: string): Promise<number> {
    return this.encryption.shareHistory(channelId, userId);
  }

  decline(channelId: string): Promise<Changed> {
    return this.changes.decline(channelId);
  }

  withdrawInvitation(channelId: string, userId: string): Promise<Changed> {
    return this.changes.withdrawInvitation(channelId, userId);
  }

  kick(channelId: string, userId: string): Promise<Changed> {
    return this.changes.kick(channelId, userId);
  }

  ban(channelId: string, userId: string): Promise<Changed> {
    return this.changes.ban(channelId, userId);
  }

  unban(channelId: string, userId: string): Promise<Changed> {
    return this.changes.unban(channelId, userId);
  }

  /** A link by which anybody who has it may join for a while (a week unless said otherwise). */
  createLink(channelId: string, lifeMs = WEEK_MS): Promise<InviteLink> {
    return this.changes.createLink(channelId, this.host, lifeMs);
  }

  /** The address of a channel, for people of any node. It opens nothing: who may join is the channel's affair. */
  channelLink(channelId: string): string {
    return formatLink({ kind: 'channel', channelId, via: this.host });
  }

  /** One's own address, for people of any node. */
  contactLink(): string {
    return formatLink({ kind: 'user', userId: this.device.userId, via: this.host });
  }

  /** Lets the own node find another one at a host; answers its id. */
  async meet(via: string): Promise<string> {
    return (await this.node.command<{ node_id: string }>('meet_node', { via })).node_id;
  }

  revokeLink(channelId: string, key: string): Promise<Changed> {
    return this.changes.revokeLink(channelId, key);
  }

  async invitations(): Promise<OpenInvitation[]> {
    return (await this.node.rest<{ invitations: OpenInvitation[] }>('/accounts/me/invitations')).invitations;
  }

  /** In an `e2ee` channel it is an entry of the state chain, so that members know it without believing a node. */
  private async setMandate(channelId: string, mandate: Mandate): Promise<void> {
    const { encrypted } = await this.find(channelId);
    if (encrypted) await this.changes.appoint(channelId, mandate);
    else await this.node.command('update_channel', { channel: channelId, mandate });
  }

  /** Who is in an `e2ee` channel, as its state chain proves. */
  async members(channelId: string): Promise<ChannelState['members']> {
    return (await this.encryption.states.get(channelId)).members;
  }

  /** Hears a channel that one has become a member of elsewhere. */
  async follow(channelId: string): Promise<void> {
    const { channel, head, encryption } = await this.node.command<Followed>('subscribe', { channel: channelId });
    this.channels.add(channelId, channel, head, encryption !== 'node');
    await this.channels.storeNew();
  }

  /** One is not in it any more. */
  left(channelId: string): void {
    this.channels.remove(channelId);
    void this.forgetState(channelId).catch(() => undefined);
    void this.encryption.own.retire(channelId).catch(() => undefined);
  }

  /** Not before what was delivered until now has been read. */
  private async forgetState(channelId: string): Promise<void> {
    await this.encryption.reader.idle();
    await this.encryption.states.forget(channelId);
  }

  /** An answer that was lost may have let one in: then one is in. */
  private async joinEncrypted(channelId: string, link?: string): Promise<Joined> {
    try {
      return await this.added(await this.changes.join(channelId, link), true);
    } catch (error) {
      const { code, details } = asDcpError(error);
      if (code !== 'CONFLICT' || details['reason'] !== 'already' || details['what'] !== 'user_joined') throw error;
      const { channel, head } = await this.node.command<Followed>('subscribe', { channel: channelId });
      return await this.added({ channel, channel_id: channelId, seq: head, head } as Changed, true);
    }
  }

  private async joinByLink(text: string): Promise<Joined> {
    const link = parseLink(text);
    if (link.kind !== 'channel') throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'a link to a person' });
    const { channelId, via } = link;
    if (this.channels.has(channelId) || via === this.host) return await this.joinAt(channelId, link.secret, text);
    const met = await this.meet(via).catch((error: unknown) => asDcpError(error));
    const isHere = met instanceof DcpError || met === this.nodeId;
    try {
      return await this.joinAt(isHere ? channelId : `${channelId}@${met}`, link.secret, text);
    } catch (error) {
      // The host may have been another address of the own node, which need not know any other nodes; it was not.
      if (met instanceof DcpError && asDcpError(error).code === 'CHANNEL_NOT_FOUND') throw met;
      throw error;
    }
  }

  private async joinAt(reference: string, secret: string | undefined, link: string): Promise<Joined> {
    if (secret === undefined) return await this.join(reference);
    // Now the node knows whom to ask; that a stranger is told nothing of a private channel is no failure.
    await this.find(reference).catch(ignoreNotFound);
    return await this.joinEncrypted(reference.split('@')[0] ?? reference, link);
  }

  private async contact(text: string): Promise<string> {
    const link = parseLink(text);
    if (link.kind !== 'user') throw new DcpError('INVALID_MESSAGE_FORMAT', { reason: 'a link to a channel' });
    if (parseUserId(link.userId).nodeId !== this.nodeId) await this.meet(link.via);
    return link.userId;
  }

  private get host(): string {
    return new URL(this.endpoint).host;
  }

  private async added({ channel, channel_id, head, seq }: Changed, encrypted: boolean): Promise<Joined> {
    this.channels.add(channel_id, channel, head ?? seq, encrypted);
    await this.channels.storeNew();
    return { channel, channelId: channel_id, head: head ?? seq };
  }

  /** An id of an `e2ee` channel says so by its genesis; a name is looked up. */
  private async find(reference: string): Promise<{ channelId: string; encrypted: boolean }> {
    if (CHANNEL_ID.test(reference) && this.channels.isEncrypted(reference))
      return { channelId: reference, encrypted: true };
    const info = await this.node.rest<{ channel_id: string; encryption: EncryptionMode }>(
      `/channels/${encodeURIComponent(reference)}`,
    );
    return { channelId: info.channel_id, encrypted: info.encryption !== 'node' };
  }
}

function ignoreNotFound(error: unknown): void {
  if (asDcpError(error).code !== 'CHANNEL_NOT_FOUND') throw error;
}
