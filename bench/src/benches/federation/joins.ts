import { busyByOthers, waitForCalm } from '../../calm.js';
import type { TwoNodes } from '../../node-under-bench/two-nodes.js';
import { joinFrom } from '../../prepare/channels.js';
import { table } from '../../report.js';
import { figure, quantile } from '../../stats.js';
import type { People } from './people.js';

/** One join at a time, by turns of a user of the channel's node and one of the other node, over connections that are open. */
export async function benchJoins({ home, away }: TwoNodes, people: People): Promise<void> {
  await waitForCalm();
  const [near, far]: [number[], number[]] = [[], []];
  const others = busyByOthers();
  for (const [i, stranger] of people.away.joiners.entries()) {
    const resident = people.home.joiners[i];
    if (resident !== undefined) near.push(await joinFrom(home, resident, people.channel.id));
    far.push(await joinFrom(away, stranger, people.channel.id));
  }
  console.log(`\nFederation: ${far.length} joins each, by turns; others used ${figure(others())} processors`);
  const rows = [
    ["the channel's node", ...pair(near)],
    ['the other node', ...pair(far)],
    ['the first of the other node', `${figure(people.firstJoin)} ms`, ''],
  ];
  console.log(table(['join of a user of', 'p50', 'p95'], rows));
}

function pair(times: number[]): string[] {
  return [0.5, 0.95].map((share) => `${figure(quantile(times, share))} ms`);
}
