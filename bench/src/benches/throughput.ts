import { alternate, calmRuns, type Contender, medianOf, type Outcome } from '../alternate.js';
import type { Fleet } from '../fleet.js';
import { measure } from '../measure.js';
import type { BenchNode } from '../node-under-bench/bench-node.js';
import { makeAccounts } from '../prepare/accounts.js';
import { makePairs } from '../prepare/channels.js';
import { type Posts, productAim, productSubject } from '../product.js';
import { REFERENCE_PAIRS } from '../reference.js';
import { table } from '../report.js';
import { figure } from '../stats.js';
import type { Aim, Subject } from '../subject.js';

export interface ThroughputSizes {
  rounds: number;
  pairs: number;
  /** Posts of one sender without a delivery. */
  window: number;
  messages: number;
  warmUp: number;
  /** The separate processes without signatures too. */
  all: boolean;
}

/** Senders end at different times; nobody may run out of signed posts before the last message is counted. */
const SPARE = 1.3;

/** Every pair keeps `window` messages on their way through a node on this machine's processors, which the load tool shares. */
export async function benchThroughput(fleet: Fleet, sizes: ThroughputSizes): Promise<void> {
  const folder = await fleet.folder();
  const bench = (node: BenchNode, posts: Posts, note: string) => throughputContender(node, folder, sizes, posts, note);
  const separate = await fleet.separate();
  const durable = await fleet.durable();
  const contenders = [
    await bench(await fleet.one(), 'signed', ', signed'),
    await bench(separate, 'signed', ', signed'),
    await bench(await fleet.oneUnchecked(), 'signed', ', without signatures'),
    ...(sizes.all ? [await bench(await fleet.separateUnchecked(), 'signed', ', without signatures')] : []),
    await bench(separate, 'plain', ', plain (the node signs)'),
    { name: durable.name, run: () => run(durable, REFERENCE_PAIRS, sizes) },
  ];
  const outcomes = await alternate(
    contenders,
    sizes.rounds,
    ({ messages, seconds, p50, p99 }) =>
      `${figure(messages / seconds)} msg/s, p50 ${figure(p50 / 1000)} ms, p99 ${figure(p99 / 1000)} ms`,
  );
  print(outcomes, sizes);
}

/** One node under load; fresh posts for each run. */
export async function throughputContender(
  node: BenchNode,
  folder: string,
  sizes: ThroughputSizes,
  posts: Posts,
  note: string,
): Promise<Contender> {
  const accounts = await makeAccounts(node, sizes.pairs * 2);
  const channels = await makePairs(node, accounts);
  const senders = channels.flatMap((channel, i) => {
    const account = accounts[2 * i];
    return account === undefined ? [] : [{ connection: 2 * i, account, channel }];
  });
  const each = Math.ceil(((sizes.messages + sizes.warmUp) * SPARE) / sizes.pairs);
  const subject = productSubject(node, 0, note);
  return {
    name: subject.name,
    run: async () => run(subject, await productAim(folder, accounts, senders, each, posts), sizes),
  };
}

function run(subject: Subject, aim: Aim, { pairs, window, messages, warmUp }: ThroughputSizes) {
  const load = { connections: pairs * 2, messages: [messages], windows: [window], warmUp };
  return measure(subject, { ...aim, ...load, mode: 'thr' });
}

function print(outcomes: Outcome[], { rounds, messages, pairs, window }: ThroughputSizes): void {
  const shape = `${pairs} pairs with ${window} messages on their way each`;
  console.log(
    `\nDurable throughput, ${shape}, medians of ${rounds} runs of ${messages} messages (${calmRuns(outcomes)})`,
  );
  console.log(
    'goal: ≥ 6,000 msg/s signed, ≥ 10,000 without signatures; gateway ≤ 45 µs a message without the signature',
  );
  const rows = outcomes.map((outcome) => [
    outcome.name,
    figure(medianOf(outcome, ({ messages: count, seconds }) => count / seconds)),
    `${figure(medianOf(outcome, ({ p50 }) => p50 / 1000))} / ${figure(medianOf(outcome, ({ p99 }) => p99 / 1000))} ms`,
    `${figure(perMessage(outcome, 'totalCpu'))} µs`,
    `${figure(perMessage(outcome, 'doorCpu'))} µs`,
    parts(outcome),
  ]);
  console.log(table(['what', 'msg/s', 'p50 / p99 under load', 'node CPU a message', 'door CPU', 'by part (µs)'], rows));
}

function perMessage(outcome: Outcome, which: 'totalCpu' | 'doorCpu'): number {
  return medianOf(outcome, (measured) => (measured[which] / measured.messages) * 1e6);
}

function parts(outcome: Outcome): string {
  const names = Object.keys(outcome.runs[0]?.[0]?.parts ?? {});
  const client = medianOf(outcome, ({ clientCpu, messages }) => (clientCpu / messages) * 1e6);
  const each = names.map((name) => {
    return `${name} ${figure(medianOf(outcome, (one) => ((one.parts[name] ?? 0) / one.messages) * 1e6))}`;
  });
  return [...each, `load tool ${figure(client)}`].join(', ');
}
