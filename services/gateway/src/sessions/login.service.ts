import { AUTH, CHANNEL, type AuthSuccess, type MembershipChanged, type SessionsRevoked } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { authFrame, CLOSE, DcpError, parseWith, viewerName, type AuthFrame, type ClientInfo } from '@dcp/protocol';
import type { Logger } from '@dcp/node-kit';
import { departuresOf, roomOfMember } from '../channels/enter-room.js';
import { catchUp } from '../fanout/catch-up.js';
import type { Hub } from '../fanout/hub.js';
import type { Room } from '../fanout/room.js';
import type { RateLimits } from '../limits/rate-limits.js';
import type { ChannelDirectory } from '../posts/channel-directory.js';
import { tellRefusals } from '../posts/refused.subscriber.js';
import type { PresenceService } from '../presence/presence.service.js';
import type { Connection } from '../sockets/connection.js';
import { sendEvent } from '../sockets/reply.js';
import type { LocalUsers } from '../users/local-users.js';
import type { SessionService } from './session.service.js';
import type { VerifiedToken } from './token-verifier.js';

/** Rooms that are opened for one login at the same time. */
const PARALLEL = 8;

/** Turns a socket into a user's: by a token at the upgrade or by the frames of §5.2, and lets it hear the user's channels. */
export class LoginService {
  constructor(
    private readonly bus: Bus,
    private readonly sessions: SessionService,
    private readonly users: LocalUsers,
    private readonly hub: Hub,
    private readonly directory: ChannelDirectory,
    private readonly presence: PresenceService,
    private readonly limits: RateLimits,
    private readonly logger: Logger,
  ) {}

  /** One `auth_*` frame; the answer goes to the socket. */
  async handle(connection: Connection, frame: Record<string, unknown>): Promise<void> {
    const parsed: AuthFrame = parseWith(authFrame, frame);
    this.limits.login(connection.address);
    const origin = { address: connection.address, endpoint: connection.endpoint };
    if (parsed.type === 'auth_challenge_request') {
      const { user_id, device, client_info } = parsed;
      connection.clientInfo = client_info;
      return sendEvent(connection, await this.bus.request(AUTH.challenge, { ...origin, user_id, device, client_info }));
    }
    const success = await this.prove(origin, parsed, connection.clientInfo);
    connection.clientInfo = undefined;
    const verified = this.sessions.verify(success.session_token, false);
    if (connection.session === null) return await this.login(connection, verified, success);
    sendEvent(connection, success);
    await this.renew(connection, verified);
  }

  private prove(
    origin: { address: string; endpoint: string },
    frame: Exclude<AuthFrame, { type: 'auth_challenge_request' }>,
    client_info: ClientInfo | undefined,
  ): Promise<AuthSuccess> {
    if (frame.type === 'auth_refresh')
      return this.bus.request(AUTH.refresh, { ...origin, session_token: frame.session_token });
    const { challenge, signature, public_key } = frame;
    return this.bus.request(AUTH.proof, { ...origin, challenge, signature, public_key, client_info });
  }

  /** The socket belongs to the token's user from here. Rejects when the other services cannot be asked; the socket is useless then. */
  async login(connection: Connection, verified: VerifiedToken, success?: AuthSuccess): Promise<void> {
    const { user_id } = verified.session;
    const settings = await this.bus.request(AUTH.settings, { user_id });
    if (connection.closed) return;
    this.adopt(connection, verified);
    const first = this.users.attach(connection, user_id, settings);
    // Only now, so that nothing he is put out of meanwhile is missed.
    const since = departuresOf(connection.user);
    const { memberships } = await this.bus.request(CHANNEL.memberships, { user_id });
    for (const membership of memberships) this.directory.learn(membership);
    const rooms = connection.manual ? [] : await this.openAll(connection, memberships, since);
    if (connection.closed) return;
    // In one turn: what is posted after the answer was seen is heard, and nothing of the channels comes before the answer.
    if (success !== undefined) sendEvent(connection, success);
    for (const room of rooms) room.enter(connection);
    // A service that is away tells it at the next login.
    void tellRefusals(this.bus, connection, user_id).catch(() => undefined);
    if (first && connection.user !== null)
      this.presence.announce(
        connection.user,
        memberships.map((m) => m.channel_id),
      );
  }

  private adopt(connection: Connection, { session, refreshAfter, expires }: VerifiedToken): void {
    connection.session = session;
    connection.refreshAfter = refreshAfter;
    connection.expires = expires;
  }

  /** The rooms of all his channels, ready to be entered; once more if he was put out of one meanwhile. */
  private async openAll(
    connection: Connection,
    memberships: readonly { channel_id: string; name: string }[],
    since: number,
  ): Promise<Room[]> {
    for (;;) {
      const before = departuresOf(connection.user);
      const rooms = await this.openOnce(connection, memberships, since);
      if (departuresOf(connection.user) === before) return rooms;
    }
  }

  private async openOnce(
    connection: Connection,
    memberships: readonly { channel_id: string; name: string }[],
    since: number,
  ): Promise<Room[]> {
    const todo = [...memberships];
    const rooms: Room[] = [];
    const work = async () => {
      for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
        const room = await this.roomOf(connection, next, since);
        if (room !== undefined) rooms.push(room);
      }
    };
    await Promise.all(Array.from({ length: Math.min(PARALLEL, todo.length) }, work));
    return rooms;
  }

  /** Undefined when he is out of it already. Rejects when the channel service cannot be asked. */
  private async roomOf(
    { user }: Connection,
    channel: { channel_id: string; name: string },
    since: number,
  ): Promise<Room | undefined> {
    try {
      return await roomOfMember(user, channel, since, { bus: this.bus, hub: this.hub });
    } catch (error) {
      if (error instanceof DcpError && !error.retryable) return undefined;
      throw error;
    }
  }

  /** A newer token for the same user; events that were paused are caught up. */
  private async renew(connection: Connection, verified: VerifiedToken): Promise<void> {
    if (verified.session.user_id !== connection.session?.user_id)
      throw new DcpError('INVALID_CREDENTIALS', { reason: 'other_user' });
    this.adopt(connection, verified);
    const paused = connection.paused;
    connection.paused = null;
    for (const [channelId, after] of paused ?? []) await this.unpause(connection, channelId, after);
  }

  private async unpause(connection: Connection, channelId: string, after: number): Promise<void> {
    const user_id = connection.session?.user_id ?? '';
    const since = departuresOf(connection.user);
    try {
      const { name } = await this.bus.request(CHANNEL.membership, { user_id, channel_id: channelId });
      await catchUp(this.bus, connection, await this.hub.open(channelId, name), after, since);
    } catch (error) {
      this.logger.debug({ err: error, channel_id: channelId }, 'channel not resumed after refresh');
    }
  }

  /** The refresh is overdue: events wait, from where each room stands. */
  pause(connection: Connection): void {
    const rooms = connection.rooms ?? [];
    connection.paused = new Map(rooms.map((room) => [room.channelId, room.lastSeq]));
    this.hub.leaveAll(connection);
    sendEvent(connection, { event: 'session', data: { reason: 'refresh_required' } });
  }

  /** Sockets of sessions that are over close at once, on every gateway. */
  revoked(event: SessionsRevoked): void {
    const ended = new Set(event.session_ids);
    for (const connection of [...(this.users.get(event.user_id)?.connections ?? [])]) {
      if (connection.session !== null && ended.has(connection.session.session_id)) this.end(connection, 'revoked');
    }
  }

  /** Says why and closes: the client has to log in again. */
  end(connection: Connection, reason: 'revoked' | 'expired'): void {
    sendEvent(connection, { event: 'session', data: { reason } });
    connection.close(CLOSE.SESSION_OVER, reason);
  }

  /** Closes what a revocation missed while the bus was away. */
  closeRevoked(): void {
    for (const user of [...this.users.all()]) {
      for (const connection of [...user.connections]) {
        if (connection.session !== null && !this.sessions.isAlive(connection.session)) this.end(connection, 'revoked');
      }
    }
  }

  /** The user joined or left a channel somewhere: his sockets here follow. */
  async membershipChanged(change: MembershipChanged): Promise<void> {
    const sockets = this.users.socketsOf(change);
    if (sockets.length === 0) return;
    this.tell(sockets, change);
    const user = this.users.get(change.user_id) ?? null;
    if (change.change === 'left') {
      if (user !== null) user.departures++;
      const room = this.hub.get(change.channel_id);
      if (room !== undefined) for (const socket of sockets) this.hub.leave(room, socket);
      return;
    }
    const room = await roomOfMember(user, change, departuresOf(user), { bus: this.bus, hub: this.hub });
    for (const socket of sockets) if (!socket.manual && !socket.closed && socket.paused === null) room.enter(socket);
  }

  private tell(sockets: readonly Connection[], { user_id, name, channel_id, change }: MembershipChanged): void {
    const channel = viewerName(name, user_id);
    for (const socket of sockets) sendEvent(socket, { event: 'membership', data: { channel, channel_id, change } });
  }

  /** The socket is gone. */
  left(connection: Connection): void {
    const channels = connection.user?.channelIds() ?? [];
    this.hub.leaveAll(connection);
    const user = this.users.detach(connection);
    if (user !== undefined) this.presence.left(user, channels);
  }
}
