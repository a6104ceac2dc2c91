import type { Clock, Logger } from '@dcp/node-kit';
import type { Announcer } from './decisions/announcer.js';
import type { DecisionStore } from './decisions/decision.store.js';

const FRAME_DAYS = 90;
const DAY_MS = 86_400_000;

/** Tells that decisions are over, and forgets frames that nobody approved. That they are over is true without it. */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(
    private readonly decisions: DecisionStore,
    private readonly announcer: Announcer,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

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
      .catch((error: unknown) => this.logger.debug({ err: error }, 'could not sweep, trying again later'))
      .finally(() => {
        this.#round = undefined;
      });
    return this.#round;
  }

  async #sweep(): Promise<void> {
    const now = this.clock.now();
    await this.announcer.announce(await this.decisions.ended(new Date(now)));
    await this.decisions.forgetFrames(new Date(now - FRAME_DAYS * DAY_MS));
  }
}
