import { DURATION_BUCKETS, type Metrics } from '@dcp/node-kit';

interface Count<L extends string> {
  inc(labels: Record<L, string>): void;
}

export interface FederationMetrics {
  links: { set(value: number): void };
  asked: Count<'kind' | 'result'>;
  answered: Count<'kind' | 'result'>;
  askSeconds: { startTimer(): () => number };
  refused: Count<'reason'>;
  dials: Count<'result'>;
  fed: { inc(count: number): void };
  lag: { set(value: number): void };
  conflicts: { inc(): void };
  typing: Count<'result'>;
  presence: Count<'result'>;
}

export function federationMetrics(metrics: Metrics): FederationMetrics {
  return {
    links: metrics.gauge({ name: 'dcp_federation_links', help: 'Links to other nodes that are up', labels: [] }),
    asked: metrics.counter({
      name: 'dcp_federation_asked_total',
      help: 'Questions to other nodes, by kind and result',
      labels: ['kind', 'result'],
    }),
    answered: metrics.counter({
      name: 'dcp_federation_answered_total',
      help: 'Questions of other nodes, by kind and result',
      labels: ['kind', 'result'],
    }),
    askSeconds: metrics.histogram({
      name: 'dcp_federation_ask_seconds',
      help: 'Time until another node has answered',
      labels: [],
      buckets: DURATION_BUCKETS,
    }),
    refused: metrics.counter({
      name: 'dcp_federation_refused_total',
      help: 'Documents, links and frames of other nodes that were refused',
      labels: ['reason'],
    }),
    dials: metrics.counter({
      name: 'dcp_federation_dials_total',
      help: 'Attempts to open a link',
      labels: ['result'],
    }),
    fed: metrics.counter({ name: 'dcp_federation_fed_total', help: 'Entries that other nodes have taken', labels: [] }),
    lag: metrics.gauge({
      name: 'dcp_federation_lag',
      help: 'Entries that linked nodes have not taken yet',
      labels: [],
    }),
    typing: metrics.counter({
      name: 'dcp_federation_typing_total',
      help: 'Typing of users between nodes: heard, told, dropped for a slow link, or refused',
      labels: ['result'],
    }),
    presence: metrics.counter({
      name: 'dcp_federation_presence_total',
      help: 'Presence of users between nodes: heard, told, dropped for a slow link or a full queue, or refused',
      labels: ['result'],
    }),
    conflicts: metrics.counter({
      name: 'dcp_federation_order_conflicts_total',
      help: 'Homes that signed two orders of one channel; the channel is stopped here',
      labels: [],
    }),
  };
}
