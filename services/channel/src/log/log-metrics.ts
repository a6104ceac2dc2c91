import { DURATION_BUCKETS, type Metrics } from '@dcp/node-kit';

export type CommitMetrics = Pick<LogMetrics, 'batchSize' | 'seconds'>;

type Counter = ReturnType<Metrics['counter']>;
type Gauge = ReturnType<Metrics['gauge']>;
type Histogram = ReturnType<Metrics['histogram']>;

export interface LogMetrics {
  posts: Counter;
  seconds: Histogram;
  batchSize: Histogram;
  publishLag: Gauge;
  republished: Counter;
  cacheHits: Counter;
  cacheMisses: Counter;
  cacheSize: Gauge;
  replicated: Counter;
  outgoingRefused: Counter;
  handovers: Counter;
  handoverConflicts: Counter;
  entriesVoided: Counter;
}

/** Everything that this service counts. */
export function logMetrics(metrics: Metrics): LogMetrics {
  return {
    posts: metrics.counter({ name: 'dcp_posts_total', help: 'Posts by what became of them', labels: ['result'] }),
    seconds: metrics.histogram({
      name: 'dcp_commit_seconds',
      help: 'Time of one transaction of the log',
      labels: [],
      buckets: DURATION_BUCKETS,
    }),
    batchSize: metrics.histogram({
      name: 'dcp_commit_batch_size',
      help: 'Operations of one transaction of the log',
      labels: [],
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024],
    }),
    publishLag: metrics.gauge({
      name: 'dcp_publish_lag_entries',
      help: 'Entries that this instance committed and the bus has not confirmed',
      labels: [],
    }),
    republished: metrics.counter({
      name: 'dcp_entries_republished_total',
      help: 'Entries published again after a crash or a lost bus',
      labels: [],
    }),
    cacheHits: metrics.counter({ name: 'dcp_channel_cache_hits_total', help: 'Roles found in the cache', labels: [] }),
    cacheMisses: metrics.counter({
      name: 'dcp_channel_cache_misses_total',
      help: 'Roles read from the database',
      labels: [],
    }),
    replicated: metrics.counter({
      name: 'dcp_replica_entries_total',
      help: 'Entries of other nodes’ channels that were taken',
      labels: [],
    }),
    outgoingRefused: metrics.counter({
      name: 'dcp_outgoing_refused_total',
      help: 'Posts that waited for another node and came to nothing',
      labels: [],
    }),
    handovers: metrics.counter({
      name: 'dcp_handovers_total',
      help: 'Channels whose home this instance has moved, or followed',
      labels: [],
    }),
    handoverConflicts: metrics.counter({
      name: 'dcp_handover_conflicts_total',
      help: 'Hand-overs that were refused because another one of the same epoch was taken before',
      labels: [],
    }),
    entriesVoided: metrics.counter({
      name: 'dcp_entries_voided_total',
      help: 'Entries that only a lost home had ordered and that were taken back here',
      labels: [],
    }),
    cacheSize: metrics.gauge({ name: 'dcp_channel_cache_entries', help: 'Roles in the cache', labels: [] }),
  };
}
