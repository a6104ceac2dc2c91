/** A node that is measured: real processes on a PostgreSQL that syncs to disk. */
export interface BenchNode {
  readonly form: 'one process' | 'separate processes';
  /** The client doors. */
  readonly urls: readonly string[];
  readonly nodeId: string;
  /** Base64 of the node's seed: the benches mint their session tokens with it. */
  readonly nodeKey: string;
  /** The processes that hold client sockets; in the one-process form everything but PostgreSQL. */
  readonly doors: readonly number[];
  /** Every process of the node as of now, by what it is. */
  processes(): Record<string, number[]>;
  /** What its processes printed, by what they are; with `--inspect` the address of the profiler is in it. */
  printed(): Record<string, string>;
}

/** Limits are not what the benches measure. */
export const NO_LIMITS: Record<string, string> = {
  DCP_RATE_LIMIT_FACTOR: '100000',
  DCP_CONNECTIONS_PER_ADDRESS: '1000000',
  DCP_BANDWIDTH_BYTES_PER_MINUTE: '1000000000000',
  DCP_DRAIN_MS: '0',
  DCP_FEDERATION_MAX_LINKS: '10000',
};

/** "without signatures": full posts whose signatures nobody checks. */
export const WITHOUT_SIGNATURES: Record<string, string> = { DCP_UNSAFE_SKIP_SIGNATURES: 'benchmark' };
