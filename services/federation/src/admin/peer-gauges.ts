import type { Metrics } from '@dcp/node-kit';
import type { FeedService } from '../feed/feed.service.js';
import type { Links } from '../link/links.js';
import type { TrustLevels } from '../trust/trust-levels.js';

const EVERY_MS = 5_000;

interface Gauge<L extends string> {
  reset(): void;
  set(labels: Record<L, string>, value: number): void;
}

/** What an operator watches of each node that this instance has to do with; as many as there may be links, no more. */
export class PeerGauges {
  readonly #up: Gauge<'node' | 'trust'>;
  readonly #lag: Gauge<'node'>;
  readonly #waiting: Gauge<'node'>;
  readonly #failures: Gauge<'node'>;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    metrics: Metrics,
    private readonly links: Links,
    private readonly feed: FeedService,
    private readonly trust: TrustLevels,
  ) {
    const gauge = <L extends string>(name: string, help: string, labels: readonly L[]): Gauge<L> =>
      metrics.gauge({ name: `dcp_federation_peer_${name}`, help, labels });
    this.#up = gauge('up', 'Whether the link to a node is up here, with its trust level', ['node', 'trust']);
    this.#lag = gauge('lag', 'Entries that a node has not taken yet', ['node']);
    this.#waiting = gauge('waiting', 'Questions to a node that wait for their answers', ['node']);
    this.#failures = gauge('failures', 'Attempts since a link to a node was up', ['node']);
  }

  start(): void {
    this.refresh();
    this.#timer = setInterval(() => this.refresh(), EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  refresh(): void {
    for (const gauge of [this.#up, this.#lag, this.#waiting, this.#failures]) gauge.reset();
    for (const { peer: node, isUp, failures } of this.links.lines()) {
      // Links are there before the levels are: the trust chain may start later.
      this.#up.set({ node, trust: this.trust.loaded ? this.trust.of(node) : 'unknown' }, isUp ? 1 : 0);
      this.#lag.set({ node }, this.feed.lagOf(node));
      this.#waiting.set({ node }, this.links.waitingOf(node));
      this.#failures.set({ node }, failures);
    }
  }
}
