import { setTimeout as delay } from 'node:timers/promises';
import { type Answer, BenchSocket } from '../../bench-socket.js';
import { busyByOthers, waitForCalm } from '../../calm.js';
import type { BenchNode } from '../../node-under-bench/bench-node.js';
import type { TwoNodes } from '../../node-under-bench/two-nodes.js';
import { type Author, type SignedPost, signedPosts } from '../../prepare/frames.js';
import { cpuOf } from '../../processes.js';
import { table } from '../../report.js';
import { figure, quantile } from '../../stats.js';
import { channelForEach, type People } from './people.js';

export interface LinkSizes {
  /** Of each node. */
  users: number;
  /** Posts of one user without an answer. */
  window: number;
  seconds: number;
  warmUpSeconds: number;
  /** Posts a second for which signatures are made beforehand: a run ends when they are used up. */
  most: number;
}

interface Pressed {
  name: string;
  /** A second, in the measured part. */
  ordered: number;
  queued: number;
  /** Milliseconds. */
  latencies: number[];
  /** Milliseconds from the last answer until the other node's listener had everything. */
  copyBehind: number;
  /** Microseconds a post. */
  cpu: Record<string, number>;
  others: number;
}

const GUARD_MS = 120_000;

/** Users of the other node write as fast as they are answered, in one channel and in one each; those of the channel's node for comparison. */
export async function benchLink(nodes: TwoNodes, people: People, sizes: LinkSizes): Promise<void> {
  const { home, away, channel } = people;
  const own = await channelForEach(nodes, people);
  const inOne = ({ writers }: { writers: Author['account'][] }) => writers.map((account) => ({ account, channel }));
  const inOwn = away.writers.map((account, i) => ({ account, channel: own[i] ?? channel }));
  const runs = [
    await press(nodes, nodes.home, "the channel's node, one channel", inOne(home), people, sizes),
    await press(nodes, nodes.away, 'the other node, one channel', inOne(away), people, sizes),
    await press(nodes, nodes.away, 'the other node, a channel each', inOwn, people, sizes),
  ];
  print(runs, sizes);
}

/** The writers hear nothing, so that no delivery to them is in the figure; a listener of the other node hears everything. */
async function press(
  nodes: TwoNodes,
  node: BenchNode,
  name: string,
  authors: Author[],
  people: People,
  sizes: LinkSizes,
): Promise<Pressed> {
  await waitForCalm();
  const channels = [...new Set(authors.map(({ channel }) => channel.id))];
  const listener = await BenchSocket.open(nodes.away, people.away.one, channels);
  const sockets: BenchSocket[] = [];
  for (const { account } of authors) sockets.push(await BenchSocket.open(node, account));
  const each = Math.ceil((sizes.most * (sizes.seconds + sizes.warmUpSeconds)) / authors.length);
  const posts = authors.map((author) => signedPosts(author, each));
  try {
    return await run(nodes, name, sockets, posts, listener, sizes);
  } finally {
    for (const socket of [listener, ...sockets]) socket.close();
  }
}

async function run(
  nodes: TwoNodes,
  name: string,
  sockets: BenchSocket[],
  posts: SignedPost[][],
  listener: BenchSocket,
  { window, seconds, warmUpSeconds }: LinkSizes,
): Promise<Pressed> {
  const begin = performance.now() + warmUpSeconds * 1000;
  const tally = new Tally(begin, begin + seconds * 1000);
  const writing = sockets.flatMap((socket, i) => {
    const next = posts[i]?.values() ?? [].values();
    return Array.from({ length: window }, () => write(socket, next, tally));
  });
  const measuring = measureCpu(nodes, warmUpSeconds, seconds);
  await Promise.all(writing);
  const { spent, others } = await measuring;
  const copyBehind = await allHeard(listener, tally);
  const cpu = Object.fromEntries(Object.entries(spent).map(([part, cost]) => [part, (cost / tally.ordered) * 1e6]));
  return { name, ordered: tally.rate, queued: tally.queued, latencies: tally.latencies, copyBehind, cpu, others };
}

class Tally {
  posted = 0;
  ordered = 0;
  queued = 0;
  last = 0;
  readonly latencies: number[] = [];

  constructor(
    readonly begin: number,
    readonly end: number,
  ) {}

  take(sent: number, { state, at }: Answer): void {
    this.last = at;
    if (state === 'queued') this.queued++;
    if (at < this.begin || at > this.end || state === 'queued') return;
    this.ordered++;
    this.latencies.push(at - sent);
  }

  /** When the signed posts did not last, the time until the last answer counts. */
  get rate(): number {
    return this.ordered / ((Math.min(this.end, this.last) - this.begin) / 1000);
  }
}

async function write(socket: BenchSocket, posts: Iterator<SignedPost>, tally: Tally): Promise<void> {
  while (performance.now() < tally.end) {
    const { value: post, done } = posts.next();
    if (done === true) return;
    tally.posted++;
    const sent = performance.now();
    tally.take(sent, await socket.post(post));
  }
}

/** Seconds by part, in the measured part of the run. */
async function measureCpu(nodes: TwoNodes, warmUpSeconds: number, seconds: number) {
  await delay(warmUpSeconds * 1000);
  const [before, others] = [cpuByProcess(nodes), busyByOthers()];
  await delay(seconds * 1000);
  const spent: Record<string, number> = {};
  for (const [pid, { part, cpu }] of cpuByProcess(nodes)) {
    spent[part] = (spent[part] ?? 0) + cpu - (before.get(pid)?.cpu ?? 0);
  }
  return { spent, others: others() };
}

/** By process, because those of PostgreSQL come and go: what one that is gone has used must not be taken off the others. */
function cpuByProcess({ home, away }: TwoNodes): Map<number, { part: string; cpu: number }> {
  const parts = [
    ...Object.entries(home.processes()).map(([part, pids]) => ({ part: `home ${part}`, pids })),
    ...Object.entries(away.processes()).map(([part, pids]) => ({ part: `other ${part}`, pids })),
    { part: 'bench', pids: [process.pid] },
  ];
  return new Map(parts.flatMap(({ part, pids }) => pids.map((pid) => [pid, { part, cpu: cpuOf([pid]) }])));
}

/** Everything that was posted reaches the copy once, also what was queued. Rejects when something is missing. */
async function allHeard(listener: BenchSocket, { posted, last }: Tally): Promise<number> {
  const end = performance.now() + GUARD_MS;
  while (listener.heard < posted && performance.now() < end) await delay(5);
  if (listener.heard !== posted) throw new Error(`${posted} posts, but ${listener.heard} came to the other node`);
  return performance.now() - last;
}

function print(runs: Pressed[], { users, window, seconds }: LinkSizes): void {
  const shape = `${users} users with ${window} posts on their way each, ${seconds} s`;
  console.log(`\nFederation: posts over one link, ${shape}; goal: ≥ 5,000/s on one core`);
  const head = ['posts by users of', 'ordered/s', 'p50 / p99 under load', 'queued', 'copy behind', 'others'];
  const rows = runs.map(({ name, ordered, queued, latencies, copyBehind, cpu, others }) => [
    name,
    figure(ordered),
    `${figure(quantile(latencies, 0.5))} / ${figure(quantile(latencies, 0.99))} ms`,
    String(queued),
    `${figure(copyBehind)} ms`,
    figure(others),
    Object.entries(cpu)
      .map(([part, cost]) => `${part} ${figure(cost)}`)
      .join(', '),
  ]);
  console.log(table([...head, 'CPU a post (µs)'], rows));
}
