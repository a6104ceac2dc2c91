import { FEDERATION, type NodeLevel } from '@dcp/contracts';
import type { Bus, Logger } from '@dcp/node-kit';
import type { LeaseStore } from '../link/lease.store.js';
import type { Links, LinkWatcher } from '../link/links.js';

export interface GoneNodesParts {
  bus: Bus;
  links: Pick<Links, 'stateOf' | 'watchers'>;
  leases: Pick<LeaseStore, 'find' | 'instance'>;
  logger: Logger;
  graceMs: number;
}

/**
 * Says that a node is gone when its link was lost here and is up nowhere after a while. A link that moves to another instance is none that
 * is lost: whoever has the lease, and had the link up, says it from then on. What an instance cannot say because it has died is forgotten
 * by who remembers it.
 */
export class GoneNodes implements LinkWatcher {
  readonly #waiting = new Map<string, NodeJS.Timeout>();

  constructor(private readonly parts: GoneNodesParts) {}

  start(): void {
    this.parts.links.watchers.add(this);
  }

  stop(): void {
    this.parts.links.watchers.delete(this);
    for (const timer of this.#waiting.values()) clearTimeout(timer);
    this.#waiting.clear();
  }

  up(peer: string): void {
    clearTimeout(this.#waiting.get(peer));
    this.#waiting.delete(peer);
  }

  down(peer: string): void {
    this.up(peer);
    const timer = setTimeout(() => {
      this.#waiting.delete(peer);
      void this.#look(peer);
    }, this.parts.graceMs);
    this.#waiting.set(peer, timer.unref());
  }

  /** Who may not be heard any longer is gone at once. */
  levelChanged({ node_id, level }: NodeLevel): void {
    if (level === 'blocked' || level === 'unknown') this.#tell(node_id);
  }

  async #look(peer: string): Promise<void> {
    const { links, leases, logger } = this.parts;
    if (links.stateOf(peer) === 'up') return;
    try {
      const lease = await leases.find(peer);
      const isElsewhere = lease !== undefined && lease.holder !== leases.instance && lease.dialler !== null;
      if (!isElsewhere && links.stateOf(peer) !== 'up') this.#tell(peer);
    } catch (error) {
      logger.debug({ err: error, node_id: peer }, 'whether another instance has the link is not known');
    }
  }

  #tell(node_id: string): void {
    this.parts.bus.publish(FEDERATION.nodeGone, { node_id });
  }
}
