import { GATEWAY, type PresenceChanged, type PresenceSnapshot } from '@dcp/contracts';
import type { Bus, Clock, Subscription } from '@dcp/node-kit';
import type { Presence, ServerEvent } from '@dcp/protocol';
import type { Hub } from '../fanout/hub.js';
import type { GatewayMetrics } from '../metrics.js';
import { textFrame } from '../sockets/frames.js';
import type { LocalUser } from '../users/local-user.js';
import type { LocalUsers } from '../users/local-users.js';
import { PresenceMap, type Shown } from './presence-map.js';

const BEAT_MS = 5_000;
/** A gateway that missed three beats is gone. */
const SILENT_MS = 3 * BEAT_MS;
const SNAPSHOT_USERS = 500;

export interface PresenceOptions {
  gatewayId: string;
  /** Rooms with more sockets than this carry no presence: one change there would cost a write for each of them. */
  roomLimit: number;
  /** Milliseconds between a user's last socket closing and his being shown offline, so that a reconnect does not flicker. */
  offlineGraceMs: number;
}

/**
 * Who is online, in the gateways' memory only (house rules: presence never touches the database). Each gateway tells the others about
 * its own users; what one sees of another needs a shared channel and his consent (`show_online_status`).
 */
export class PresenceService {
  private readonly map = new PresenceMap();
  private readonly gateways = new Map<string, number>();
  private readonly subscriptions: Subscription[] = [];
  private readonly leaving = new Map<string, NodeJS.Timeout>();
  private beatTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly users: LocalUsers,
    private readonly hub: Hub,
    private readonly options: PresenceOptions,
    metrics: GatewayMetrics,
  ) {
    metrics.watch('presence_users', () => this.map.size);
  }

  start(): void {
    this.subscriptions.push(
      this.bus.subscribe(GATEWAY.presence, (change) => this.onChange(change)),
      this.bus.subscribe(GATEWAY.presenceSnapshot, (snapshot) => this.onSnapshot(snapshot)),
      this.bus.subscribe(GATEWAY.beat, ({ gateway_id, hello }) => this.onBeat(gateway_id, hello)),
    );
    this.beat(true);
    this.beatTimer = setInterval(() => this.beat(false), BEAT_MS);
    this.beatTimer.unref();
  }

  stop(): void {
    clearInterval(this.beatTimer);
    for (const timer of this.leaving.values()) clearTimeout(timer);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
  }

  /** The user's first socket here, or new settings: shows him in `channels`. */
  announce(user: LocalUser, channels: string[] = user.channelIds()): void {
    clearTimeout(this.leaving.get(user.userId));
    this.leaving.delete(user.userId);
    this.publish(user.userId, user.status, user.statusText, user.showOnlineStatus ? channels : []);
  }

  setStatus(user: LocalUser, status: Presence, message: string | undefined): void {
    user.status = status;
    user.statusText = message;
    this.announce(user);
  }

  /** The user's last socket here is gone. */
  left(user: LocalUser, channels: string[]): void {
    const timer = setTimeout(() => {
      this.leaving.delete(user.userId);
      if (this.users.get(user.userId) === undefined) {
        this.publish(user.userId, 'offline', undefined, user.showOnlineStatus ? channels : []);
      }
    }, this.options.offlineGraceMs);
    timer.unref();
    this.leaving.set(user.userId, timer);
  }

  /** What others may see of a user; offline without a time when nothing is known. */
  shown(userId: string): Shown {
    return this.map.shown(userId);
  }

  private publish(user_id: string, status: Presence, message: string | undefined, channels: string[]): void {
    const last_seen = new Date(this.clock.now()).toISOString();
    const { gatewayId: gateway_id } = this.options;
    this.bus.publish(GATEWAY.presence, { gateway_id, user_id, status, message, last_seen, channels });
  }

  private onChange(change: PresenceChanged): void {
    const hidden = change.channels.length === 0;
    const gone = change.status === 'offline' && this.isGone(change);
    const record = {
      gatewayId: change.gateway_id,
      status: change.status,
      message: change.message,
      lastSeen: change.last_seen,
      hidden,
    };
    const changed = this.map.apply(change.user_id, record, gone);
    if (changed && !hidden) this.show(change);
  }

  /** `offline` may also be a wish (update_status) of a user who is still here: his record stays then. */
  private isGone(change: PresenceChanged): boolean {
    return change.gateway_id !== this.options.gatewayId || this.users.get(change.user_id) === undefined;
  }

  private show(change: PresenceChanged): void {
    const { status, lastSeen, message } = this.map.shown(change.user_id);
    const data = { user_id: change.user_id, status, last_seen: lastSeen ?? change.last_seen };
    const event: ServerEvent = { event: 'user_status', data: message === undefined ? data : { ...data, message } };
    const frame = textFrame(JSON.stringify(event));
    for (const connection of this.viewers(change)) connection.push(frame);
  }

  private viewers(change: PresenceChanged) {
    const viewers = new Set<Parameters<Hub['leaveAll']>[0]>();
    for (const channelId of change.channels) {
      const connections = this.hub.get(channelId)?.connections;
      if (connections === undefined || connections.size > this.options.roomLimit) continue;
      for (const connection of connections) {
        const { user } = connection;
        if (user !== null && user.userId !== change.user_id && user.blocked?.has(change.user_id) !== true)
          viewers.add(connection);
      }
    }
    return viewers;
  }

  private beat(hello: boolean): void {
    this.bus.publish(GATEWAY.beat, { gateway_id: this.options.gatewayId, hello });
    const silentSince = this.clock.now() - SILENT_MS;
    for (const [gatewayId, heard] of this.gateways) {
      if (heard >= silentSince) continue;
      this.gateways.delete(gatewayId);
      this.map.forgetGateway(gatewayId);
    }
  }

  private onBeat(gatewayId: string, hello: boolean): void {
    if (gatewayId === this.options.gatewayId) return;
    this.gateways.set(gatewayId, this.clock.now());
    if (hello) this.sendSnapshot();
  }

  private sendSnapshot(): void {
    const last_seen = new Date(this.clock.now()).toISOString();
    const users = [...this.users.all()].map((user) => ({
      user_id: user.userId,
      status: user.status,
      message: user.statusText,
      last_seen,
      hidden: !user.showOnlineStatus,
    }));
    for (let i = 0; i < users.length; i += SNAPSHOT_USERS) {
      const chunk = users.slice(i, i + SNAPSHOT_USERS);
      this.bus.publish(GATEWAY.presenceSnapshot, { gateway_id: this.options.gatewayId, users: chunk });
    }
  }

  private onSnapshot(snapshot: PresenceSnapshot): void {
    if (snapshot.gateway_id === this.options.gatewayId) return;
    for (const { user_id, status, message, last_seen: lastSeen, hidden } of snapshot.users) {
      this.map.apply(user_id, { gatewayId: snapshot.gateway_id, status, message, lastSeen, hidden }, false);
    }
  }
}
