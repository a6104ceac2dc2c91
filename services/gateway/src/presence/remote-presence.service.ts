import { FEDERATION } from '@dcp/contracts';
import type { Bus, Clock, Subscription } from '@dcp/node-kit';
import type { GatewayMetrics } from '../metrics.js';
import type { Shown } from './presence-map.js';
import { type RemoteChange, RemotePresenceMap } from './remote-presence.js';
import type { StatusDisplay } from './status-display.js';

const EXPIRE_MS = 60_000;

/** Who is there at other nodes, as far as they say (the operators of both must want it), in memory only. */
export class RemotePresenceService {
  private readonly map = new RemotePresenceMap();
  private subscriptions: Subscription[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly display: StatusDisplay,
    metrics: GatewayMetrics,
  ) {
    metrics.watch('presence_remote_users', () => this.map.size);
  }

  start(): void {
    this.subscriptions = [
      this.bus.subscribe(FEDERATION.presence, (word) => {
        const change = this.map.apply(word, this.clock.now());
        if (change !== undefined) this.display.show(change);
      }),
      this.bus.subscribe(FEDERATION.nodeGone, ({ node_id }) => this.showAll(this.map.nodeGone(node_id))),
    ];
    this.timer = setInterval(() => this.showAll(this.map.expire(this.clock.now())), EXPIRE_MS).unref();
  }

  stop(): void {
    clearInterval(this.timer);
    for (const subscription of this.subscriptions.splice(0)) subscription.unsubscribe();
  }

  /** Undefined: nobody has told of him. */
  shown(userId: string): Shown | undefined {
    return this.map.shown(userId);
  }

  private showAll(changes: readonly RemoteChange[]): void {
    for (const change of changes) this.display.show(change);
  }
}
