import { TRUST } from '@dcp/contracts';
import type { Bus, Clock, Logger } from '@dcp/node-kit';
import { isNode, isUser } from './decision.store.js';
import type { StandingStore } from './standing.store.js';

/** Users whose standing is computed at once. */
const CHUNK = 500;

/**
 * Tells what holds now for those about whom something was decided: after the commit, with the targets as they came. What cannot be told
 * is only logged, for the decision stands; whoever listens reads all standings again from time to time.
 */
export class Announcer {
  constructor(
    private readonly standings: StandingStore,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Users and nodes; messages have no standing. */
  async announce(targets: readonly string[]): Promise<void> {
    try {
      await this.#users([...new Set(targets.filter(isUser))]);
      await this.#nodes([...new Set(targets.filter(isNode))]);
    } catch (error) {
      this.logger.warn({ err: error }, 'could not tell what holds now');
    }
  }

  async #users(users: readonly string[]): Promise<void> {
    for (let from = 0; from < users.length; from += CHUNK) {
      const some = await this.standings.of(users.slice(from, from + CHUNK), this.clock.now());
      for (const standing of some) this.bus.publish(TRUST.standingChanged, standing);
    }
  }

  async #nodes(nodeIds: readonly string[]): Promise<void> {
    for (const node_id of nodeIds) {
      const level = await this.standings.levelOf(node_id);
      this.bus.publish(TRUST.levelChanged, { node_id, level });
    }
  }
}
