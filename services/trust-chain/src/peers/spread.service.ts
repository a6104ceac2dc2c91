import { FEDERATION } from '@dcp/contracts';
import type { Bus, Logger } from '@dcp/node-kit';
import type { LevelStore } from '../levels/level.store.js';
import type { OwnLogService } from '../log/own-log.service.js';
import { eachOf } from './each-of.js';

const AT_ONCE = 8;
const ANSWER_MS = 10_000;

/** Tells the nodes that this one follows that its own log has grown. Who does not hear it asks by itself a minute later. */
export class SpreadService {
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(
    private readonly bus: Bus,
    private readonly ownLog: OwnLogService,
    private readonly levels: LevelStore,
    private readonly logger: Logger,
  ) {}

  /** Decisions that come while it runs are told in one more round. */
  spread(): void {
    this.#again = true;
    this.#running ??= this.#rounds().finally(() => {
      this.#running = undefined;
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #rounds(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#round().catch((error: unknown) =>
        this.logger.debug({ err: error }, 'the trust log was not announced'),
      );
    }
  }

  async #round(): Promise<void> {
    const head = await this.ownLog.head();
    await eachOf(await this.levels.followed(), AT_ONCE, (nodeId) => this.#tell(nodeId, { head }));
  }

  async #tell(nodeId: string, body: object): Promise<void> {
    const question = { node_id: nodeId, kind: 'trust_update', body, timeout_ms: ANSWER_MS };
    try {
      await this.bus.request(FEDERATION.ask, question, { timeoutMs: ANSWER_MS + 1_000 });
    } catch {
      this.logger.debug({ node: nodeId }, 'a node did not hear of the trust log');
    }
  }
}
