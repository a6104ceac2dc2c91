import type { Contender } from '../alternate.js';
import type { Fleet } from '../fleet.js';
import { makeAccounts } from '../prepare/accounts.js';
import { type Cost, profile } from '../profile.js';
import { table } from '../report.js';
import { fanContender } from './fan.js';
import { throughputContender } from './throughput.js';

const TOP = 22;
const THROUGHPUT = { rounds: 1, pairs: 50, window: 8, messages: 25_000, warmUp: 5_000, all: false };
const ROOM = { members: 1_000, messages: [400, 2_000] as [number, number], warmUp: 50 };

/** Where gateway and channel spend their time under signed posts, and the gateway in a room of 1,000. */
export async function benchProfile(fleet: Fleet): Promise<void> {
  const [node, folder] = [await fleet.separate(), await fleet.folder()];
  const { gateway = '', channel = '' } = node.printed();
  const posts = await throughputContender(node, folder, THROUGHPUT, 'signed', ', signed posts');
  await posts.run();
  await print(posts, { gateway, channel });
  await print(await fanContender(node, await makeAccounts(node, ROOM.members), folder, ROOM), { gateway });
}

async function print({ name, run }: Contender, printed: Record<string, string>): Promise<void> {
  const costs: Record<string, Cost[]> = {};
  let work: () => Promise<unknown> = run;
  for (const [part, text] of Object.entries(printed)) {
    const inner = work;
    work = async () => {
      costs[part] = await profile(text, inner);
    };
  }
  await work();
  for (const [part, all] of Object.entries(costs)) {
    console.log(`\n${name}: ${part}, own time`);
    console.log(
      table(
        ['%', 'where'],
        all.slice(0, TOP).map(({ where, percent }) => [percent.toFixed(1), where]),
      ),
    );
  }
}
