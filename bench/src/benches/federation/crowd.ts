import { busyByOthers, waitForCalm } from '../../calm.js';
import type { Fleet } from '../../fleet.js';
import { makeAccounts } from '../../prepare/accounts.js';
import { joinFrom, makeChannel } from '../../prepare/channels.js';
import { table } from '../../report.js';
import { figure, quantile } from '../../stats.js';

export interface CrowdSizes {
  /** Members of the channel, all of its own node. */
  members: number;
  joins: number;
}

/** Joins of users of another node to a channel with many members. */
export async function benchCrowd(fleet: Fleet, { members, joins }: CrowdSizes): Promise<void> {
  const { home, away } = await fleet.two();
  const began = performance.now();
  const channel = await makeChannel(home, await makeAccounts(home, members));
  console.log(`${members} accounts made and joined in ${figure((performance.now() - began) / 1000)} s`);
  const strangers = await makeAccounts(away, joins + 1);
  await waitForCalm();
  const others = busyByOthers();
  const times: number[] = [];
  for (const stranger of strangers) times.push(await joinFrom(away, stranger, `${channel.name}@${home.nodeId}`));
  const [first = Number.NaN, ...later] = times;
  console.log(
    `\nFederation: ${later.length} joins from another node into a channel with ${members.toLocaleString('en')} members; others used ${figure(others())} processors`,
  );
  const cells = [first, quantile(later, 0.5), quantile(later, 0.95)].map((time) => `${figure(time)} ms`);
  console.log(table(['the first of a node', 'p50 of the others', 'p95 (goal: < 500 ms)'], [cells]));
}
