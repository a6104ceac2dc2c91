import type { Clock, Logger } from '@dcp/node-kit';
import type { Announcer } from './decisions/announcer.js';
import type { DecisionStore } from './decisions/decision.store.js';
import type { ProofJudge } from './reports/proof-judge.js';
import type { ReportStore } from './reports/report.store.js';

const FRAME_DAYS = 90;
const REPORT_DAYS = 90;
const DAY_MS = 86_400_000;

export interface SweeperParts {
  decisions: DecisionStore;
  announcer: Announcer;
  reports: ReportStore;
  judge: ProofJudge;
  clock: Clock;
  logger: Logger;
}

/**
 * Tells that decisions are over, forgets frames that nobody approved and old reports, and has proofs verified. That decisions are over is
 * true without it.
 */
export class Sweeper {
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #judging: Promise<void> | undefined;

  constructor(private readonly parts: SweeperParts) {}

  start(everyMs: number): void {
    this.#timer = setInterval(() => void this.sweep(), everyMs);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
    await this.#judging;
  }

  /** One round, or the one that is running; never throws, the next one tries again. */
  sweep(): Promise<void> {
    this.#round ??= this.#sweep()
      .catch((error: unknown) => this.parts.logger.debug({ err: error }, 'could not sweep, trying again later'))
      .finally(() => {
        this.#round = undefined;
      });
    return this.#round;
  }

  async #sweep(): Promise<void> {
    const { decisions, announcer, reports, judge } = this.parts;
    const now = this.parts.clock.now();
    await announcer.announce(await decisions.ended(new Date(now)));
    await decisions.forgetFrames(new Date(now - FRAME_DAYS * DAY_MS));
    await reports.forget(new Date(now - REPORT_DAYS * DAY_MS));
    // Not waited for: authors' nodes may be slow.
    this.#judging = judge.round();
  }
}
