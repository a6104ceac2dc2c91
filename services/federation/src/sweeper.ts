import type { Clock, Logger } from '@dcp/node-kit';
import { REMEMBERED_MS } from './asks/posted-frames.js';
import type { SeenFrameStore } from './asks/seen-frame.store.js';
import type { PeerStore } from './peers/peer.store.js';

export interface SweeperParts {
  seen: SeenFrameStore;
  peers: PeerStore;
  clock: Clock;
  logger: Logger;
}

/** Removes what means nothing any more. Safe on any number of instances. */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(private readonly parts: SweeperParts) {}

  start(everyMs: number): void {
    this.#timer = setInterval(() => void this.sweep(), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  /** One round, or the one that is running; never throws, the next one tries again. */
  sweep(): Promise<void> {
    this.#round ??= this.#sweep()
      .catch((error: unknown) => this.parts.logger.warn({ err: error }, 'could not sweep, trying again later'))
      .finally(() => (this.#round = undefined));
    return this.#round;
  }

  async #sweep(): Promise<void> {
    const { seen, peers, clock } = this.parts;
    await seen.sweep(new Date(clock.now() - REMEMBERED_MS));
    await peers.sweep(clock.now());
  }
}
