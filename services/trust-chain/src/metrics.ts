import type { Metrics } from '@dcp/node-kit';

export interface TrustMetrics {
  taken: { inc(labels: { level: string }, by: number): void };
  ignored: { inc(labels: { level: string }): void };
  reports: { inc(labels: { verdict: string }): void };
  faults: { inc(labels: { fault: string }): void };
}

export function trustMetrics(metrics: Metrics): TrustMetrics {
  return {
    taken: metrics.counter({
      name: 'dcp_trust_entries_total',
      help: 'Entries taken from the logs of other nodes, by the level of the node',
      labels: ['level'],
    }),
    ignored: metrics.counter({
      name: 'dcp_trust_ignored_total',
      help: 'Updates of nodes that are not listened to',
      labels: ['level'],
    }),
    reports: metrics.counter({
      name: 'dcp_trust_reports_total',
      help: 'Reports of messages, by what their verification gave',
      labels: ['verdict'],
    }),
    faults: metrics.counter({
      name: 'dcp_trust_faults_total',
      help: 'Logs that could not be taken, by what was wrong',
      labels: ['fault'],
    }),
  };
}
