import type { Fleet } from '../../fleet.js';
import { benchJoins } from './joins.js';
import { benchHop, type HopSizes } from './latency.js';
import { gather } from './people.js';
import { benchLink, type LinkSizes } from './throughput.js';

export interface FederationSizes {
  latency: HopSizes;
  throughput: LinkSizes;
  /** Users of each node who join. */
  joins: number;
}

/** What a channel costs users whose node is not its home, beside what it costs those of its home: the reference is the local path. */
export async function benchFederation(fleet: Fleet, { latency, throughput, joins }: FederationSizes): Promise<void> {
  const nodes = await fleet.two();
  const people = await gather(nodes, throughput.users, joins);
  await benchHop(nodes, people, latency);
  await benchJoins(nodes, people);
  await benchLink(nodes, people, throughput);
}
