import type { Metrics } from '../metrics/metrics.js';

/** Why `dcp_bus_errors_total` moved. */
export type BusErrorKind =
  | 'dropped'
  | 'overloaded'
  | 'handler'
  | 'permission'
  | 'too_large'
  | 'decode'
  | 'timeout'
  | 'no_responders'
  | 'disconnect';

export interface BusMetrics {
  error(kind: BusErrorKind): void;
  connected(yes: boolean): void;
}

/** Counts nothing when the process keeps no metrics. */
export function busMetrics(metrics: Metrics | undefined): BusMetrics {
  if (metrics === undefined) return { error: () => {}, connected: () => {} };
  const errors = metrics.counter({
    name: 'dcp_bus_errors_total',
    help: 'Payloads that the bus dropped and requests that it could not serve',
    labels: ['kind'],
  });
  const connected = metrics.gauge({ name: 'dcp_bus_connected', help: '1 while the bus is connected', labels: [] });
  return { error: (kind) => errors.inc({ kind }), connected: (yes) => connected.set({}, yes ? 1 : 0) };
}
