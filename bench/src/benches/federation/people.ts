import type { TwoNodes } from '../../node-under-bench/two-nodes.js';
import { type BenchAccount, makeAccounts } from '../../prepare/accounts.js';
import { type BenchChannel, joinFrom, makeChannel } from '../../prepare/channels.js';
import { inParallel } from '../../prepare/rest.js';

/** Users of one of the two nodes. */
export interface Residents {
  /** Writes in the latency runs, and hears what others write in the throughput runs. */
  one: BenchAccount;
  /** Write as fast as they are answered. */
  writers: BenchAccount[];
  /** In no channel yet. */
  joiners: BenchAccount[];
}

export interface People {
  home: Residents;
  away: Residents;
  /** A readable channel (mode `node`) of the home node with all but the joiners in it. */
  channel: BenchChannel;
  /** Milliseconds in which the first user of the other node joined: his node had to find the channel and copy it. */
  firstJoin: number;
}

export async function gather({ home, away }: TwoNodes, writers: number, joiners: number): Promise<People> {
  const count = 1 + writers + joiners;
  const [there, elsewhere] = [
    residents(await makeAccounts(home, count), writers),
    residents(await makeAccounts(away, count), writers),
  ];
  const channel = await makeChannel(home, [there.one, ...there.writers]);
  const firstJoin = await joinFrom(away, elsewhere.one, `${channel.name}@${home.nodeId}`);
  await inParallel(elsewhere.writers, (account) => joinFrom(away, account, channel.id));
  return { home: there, away: elsewhere, channel, firstJoin };
}

function residents([one, ...others]: BenchAccount[], writers: number): Residents {
  if (one === undefined) throw new Error('a node needs a user');
  return { one, writers: others.slice(0, writers), joiners: others.slice(writers) };
}

/** A channel of the home node for each writer of the other one, which the `one` of the other node is in too. */
export async function channelForEach({ home, away }: TwoNodes, people: People): Promise<BenchChannel[]> {
  const channels: BenchChannel[] = [];
  for (const writer of people.away.writers) {
    const channel = await makeChannel(home, [people.home.one]);
    await joinFrom(away, people.away.one, `${channel.name}@${home.nodeId}`);
    await joinFrom(away, writer, channel.id);
    channels.push(channel);
  }
  return channels;
}
