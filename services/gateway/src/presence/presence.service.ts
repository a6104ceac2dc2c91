import {
  FEDERATION,
  GATEWAY,
  type PresenceChanged,
  type PresenceOfUser,
  type PresenceSnapshot,
  type PresenceWanted,
} from '@dcp/contracts';
import type { Bus, Clock, Subscription } from '@dcp/node-kit';
import { MAX_PRESENCE_CHANNELS, type Presence } from '@dcp/protocol';
import type { Hub } from '../fanout/hub.js';
import type { GatewayMetrics } from '../metrics.js';
import type { LocalUser } from '../users/local-user.js';
import type { LocalUsers } from '../users/local-users.js';
import { PresenceMap, type Shown } from './presence-map.js';
import type { StatusDisplay } from './status-display.js';

const BEAT_MS = 5_000;
/** A gateway that missed three beats is gone. */
const SILENT_MS = 3 * BEAT_MS;
/** What one message of a snapshot holds, and how many users of this gateway the federation service is told of at once. */
const [SNAPSHOT_USERS, SNAPSHOT_CHANNELS] = [500, 2_000];
const MAX_WANTED = 1_000;

export interface PresenceOptions {
  gatewayId: string;
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
    private readonly display: StatusDisplay,
    private readonly options: PresenceOptions,
    metrics: GatewayMetrics,
  ) {
    metrics.watch('presence_users', () => this.map.size);
  }

  start(): void {
    this.subscriptions.push(
      this.bus.subscribe(GATEWAY.presence, (change) => this.onChange(change)),
      this.bus.subscribe(GATEWAY.presenceSnapshot, (snapshot) => this.onSnapshot(snapshot)),
      this.bus.subscribe(FEDERATION.presenceWanted, (wanted) => this.onWanted(wanted)),
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

  private show({ user_id, last_seen, channels }: PresenceChanged): void {
    const { status, lastSeen, message } = this.map.shown(user_id);
    this.display.show({ user_id, status, last_seen: lastSeen ?? last_seen, message, channels });
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
    const users = [...this.users.all()].map((user) => this.presenceOf(user));
    for (let i = 0; i < users.length; i += SNAPSHOT_USERS) this.send(users.slice(i, i + SNAPSHOT_USERS));
  }

  private onWanted(wanted: PresenceWanted): void {
    if (wanted.node_id === undefined) return this.sendSnapshot();
    let [users, channels]: [PresenceOfUser[], number] = [[], 0];
    for (const [user, shared] of this.newestIn(wanted.channel_ids)) {
      users.push({ ...this.presenceOf(user), channels: shared });
      channels += shared.length;
      if (users.length < SNAPSHOT_USERS && channels < SNAPSHOT_CHANNELS) continue;
      this.send(users, wanted.node_id);
      [users, channels] = [[], 0];
    }
    if (users.length > 0) this.send(users, wanted.node_id);
  }

  /** Users who do not hide, with those of the channels in which they have a socket here; who came last, last. */
  private newestIn(channelIds: readonly string[]): [LocalUser, string[]][] {
    const found = new Map<LocalUser, string[]>();
    for (const id of channelIds) {
      for (const { user } of this.hub.get(id)?.connections ?? []) {
        if (user === null || !user.showOnlineStatus || user.status === 'offline') continue;
        const shared = found.get(user) ?? [];
        if (shared.length === 0) found.set(user, shared);
        if (shared.at(-1) !== id && shared.length < MAX_PRESENCE_CHANNELS) shared.push(id);
      }
    }
    if (found.size <= MAX_WANTED) return [...found];
    const newest = [...this.users.all()].filter((user) => found.has(user)).slice(-MAX_WANTED);
    return newest.map((user) => [user, found.get(user) ?? []]);
  }

  private presenceOf(user: LocalUser): PresenceOfUser {
    const last_seen = new Date(this.clock.now()).toISOString();
    const { userId: user_id, status, statusText: message, showOnlineStatus } = user;
    return { user_id, status, message, last_seen, hidden: !showOnlineStatus };
  }

  private send(users: PresenceOfUser[], wanted_for?: string): void {
    this.bus.publish(GATEWAY.presenceSnapshot, { gateway_id: this.options.gatewayId, users, wanted_for });
  }

  private onSnapshot(snapshot: PresenceSnapshot): void {
    if (snapshot.gateway_id === this.options.gatewayId) return;
    for (const { user_id, status, message, last_seen: lastSeen, hidden } of snapshot.users) {
      this.map.apply(user_id, { gatewayId: snapshot.gateway_id, status, message, lastSeen, hidden }, false);
    }
  }
}
