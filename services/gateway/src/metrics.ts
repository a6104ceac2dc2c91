import type { Metrics } from '@dcp/node-kit';

/** What a gateway counts. Gauges are read when somebody asks, so that the path of a message never touches them. */
export interface GatewayMetrics {
  framesIn: { inc(): void };
  deliveries: { inc(count: number): void };
  gaps: { inc(): void };
  slowConsumers: { inc(): void };
  rateLimited: { inc(labels: { kind: string }): void };
  batchSize: { observe(size: number): void };
  httpSeconds: { observe(labels: { method: string; status: string }, seconds: number): void };
  /** A gauge `dcp_<name>` that `read` answers. */
  watch(
    name:
      | 'connections'
      | 'rooms'
      | 'posts_waiting'
      | 'presence_users'
      | 'presence_remote_users'
      | 'revocations'
      | 'standings',
    read: () => number,
  ): void;
}

const BATCH_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  const labels = [] as const;
  return {
    framesIn: metrics.counter({ name: 'dcp_frames_total', help: 'Frames from clients', labels }),
    deliveries: metrics.counter({ name: 'dcp_deliveries_total', help: 'Entries written to client sockets', labels }),
    gaps: metrics.counter({ name: 'dcp_room_gaps_total', help: 'Gaps that were read from the log', labels }),
    slowConsumers: metrics.counter({
      name: 'dcp_slow_consumers_total',
      help: 'Sockets closed for reading too slowly',
      labels,
    }),
    rateLimited: metrics.counter({
      name: 'dcp_rate_limited_total',
      help: 'Requests refused by a limit',
      labels: ['kind'],
    }),
    batchSize: metrics.histogram({
      name: 'dcp_post_batch_size',
      help: 'Posts in one bus message',
      labels,
      buckets: BATCH_BUCKETS,
    }),
    httpSeconds: metrics.histogram({ name: 'dcp_http_seconds', help: 'REST calls', labels: ['method', 'status'] }),
    watch: (name, read) => {
      const gauge = metrics.gauge({ name: `dcp_${name}`, help: HELP[name], labels });
      Object.assign(gauge, { collect: () => gauge.set(read()) });
    },
  };
}

const HELP = {
  connections: 'Open client sockets',
  rooms: 'Channels with a socket on this gateway',
  posts_waiting: 'Posts without an answer yet',
  presence_users: 'Users that are online on the whole node',
  presence_remote_users: 'Users of other nodes that those have told of',
  revocations: 'Sessions that ended before their tokens',
  standings: 'Users of the node about whom something was decided',
} as const;
