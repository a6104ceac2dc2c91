import { type NodeLevel, TRUST } from '@dcp/contracts';
import type { Bus, Logger, Subscription } from '@dcp/node-kit';
import { DcpError, type TrustLevel } from '@dcp/protocol';

const AGAIN_MS = 1_000;
const REFRESH_MS = 60_000;

/**
 * How far each node is trusted (§10.3), as the trust chain has it: read at the start and after every reconnect, then kept by its events.
 * Until it was read once no link is made: a blocked node must not slip in while its block is not known yet.
 */
export class TrustLevels {
  #levels = new Map<string, TrustLevel>();
  #loaded = false;
  #timer: NodeJS.Timeout | undefined;
  #subscriptions: Subscription[] = [];
  #changes = 0;
  onChange: (changed: NodeLevel) => void = () => undefined;

  constructor(
    private readonly bus: Bus,
    private readonly logger: Logger,
  ) {}

  get loaded(): boolean {
    return this.#loaded;
  }

  start(): void {
    this.#subscriptions = [
      this.bus.subscribe(TRUST.levelChanged, (changed) => this.#changed(changed)),
      this.bus.onReconnect(() => void this.#load()),
    ];
    void this.#load();
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
  }

  /** `unknown` for everybody who was not rated. Throws 9001 while the levels are not known. */
  of(nodeId: string): TrustLevel {
    if (!this.#loaded) throw new DcpError('MAINTENANCE_MODE', { reason: 'trust_levels', retry_after: 1 });
    return this.#levels.get(nodeId) ?? 'unknown';
  }

  /** Whether somebody has said what to think of the node; false while the levels are not known. */
  isRated(nodeId: string): boolean {
    return this.#loaded && (this.#levels.get(nodeId) ?? 'unknown') !== 'unknown';
  }

  #changed(changed: NodeLevel): void {
    this.#changes++;
    this.#levels.set(changed.node_id, changed.level);
    this.onChange(changed);
  }

  async #load(): Promise<void> {
    clearTimeout(this.#timer);
    let again = AGAIN_MS;
    try {
      await this.#read();
      again = REFRESH_MS;
    } catch (error) {
      this.logger.debug({ err: error }, 'the trust chain does not answer yet');
    }
    clearTimeout(this.#timer);
    if (this.#subscriptions.length > 0) this.#timer = setTimeout(() => void this.#load(), again);
  }

  /** What changes while it is read is newer than what was read: then once more. */
  async #read(): Promise<void> {
    const [before, levels] = [this.#changes, new Map<string, TrustLevel>()];
    for (let after: string | undefined, more = true; more;) {
      const page = await this.bus.request(TRUST.levels, after === undefined ? {} : { after });
      for (const { node_id, level } of page.levels) levels.set(node_id, level);
      after = page.next;
      more = after !== undefined;
    }
    if (this.#changes !== before) return this.#read();
    const was = this.#levels;
    this.#levels = levels;
    this.#loaded = true;
    for (const [node_id, level] of levels) if (was.get(node_id) !== level) this.onChange({ node_id, level });
  }
}
