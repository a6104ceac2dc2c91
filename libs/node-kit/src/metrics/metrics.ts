import { collectDefaultMetrics, Counter, Gauge, Histogram, type Metric, Registry } from 'prom-client';

/** Every metric of ours begins like this; those of the process keep the names that dashboards know. */
export type MetricName = `dcp_${string}`;

export interface MetricOptions<L extends string> {
  name: MetricName;
  help: string;
  labels: readonly L[];
}

export interface HistogramOptions<L extends string> extends MetricOptions<L> {
  /** Upper bounds in the metric's unit, seconds for durations. */
  buckets?: number[];
}

/** The metrics of one process. Asking twice for one name gives the same metric, because modules share a process. */
export interface Metrics {
  readonly registry: Registry;
  counter<L extends string>(options: MetricOptions<L>): Counter<L>;
  gauge<L extends string>(options: MetricOptions<L>): Gauge<L>;
  histogram<L extends string>(options: HistogramOptions<L>): Histogram<L>;
  /** The Prometheus text format. */
  text(): Promise<string>;
}

/** From 0.1 ms to 10 s, in seconds: what a message, a query or a request may take. */
export const DURATION_BUCKETS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.004, 0.006, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5, 10,
];

export function createMetrics(options: { service: string; processMetrics?: boolean }): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.service });
  if (options.processMetrics ?? true) collectDefaultMetrics({ register: registry });
  const known = <M extends Metric>(name: string, make: () => M): M =>
    (registry.getSingleMetric(name) as M | undefined) ?? make();
  const settings = <L extends string>({ name, help, labels }: MetricOptions<L>) => ({
    name,
    help,
    labelNames: labels,
    registers: [registry],
  });
  return {
    registry,
    counter: (wanted) => known(wanted.name, () => new Counter(settings(wanted))),
    gauge: (wanted) => known(wanted.name, () => new Gauge(settings(wanted))),
    histogram: (wanted) =>
      known(wanted.name, () => new Histogram({ ...settings(wanted), buckets: wanted.buckets ?? DURATION_BUCKETS })),
    text: () => registry.metrics(),
  };
}
