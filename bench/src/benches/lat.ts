import { alternate, calmRuns, type Contender, medianOf, type Outcome } from '../alternate.js';
import type { Fleet } from '../fleet.js';
import { measure } from '../measure.js';
import type { BenchNode } from '../node-under-bench/bench-node.js';
import { makeAccounts } from '../prepare/accounts.js';
import { makeChannel } from '../prepare/channels.js';
import { productAim, productSubject } from '../product.js';
import { REFERENCE_PAIRS } from '../reference.js';
import { table } from '../report.js';
import { figure } from '../stats.js';
import type { Aim, Subject } from '../subject.js';

export interface LatSizes {
  rounds: number;
  messages: number;
  warmUp: number;
}

const GAP_US = 500;

/** One message at a time from A to B. The product's is signed, checked, committed with fsync and answered; the durable reference's is committed. */
export async function benchLat(fleet: Fleet, sizes: LatSizes): Promise<void> {
  const folder = await fleet.folder();
  const nodes = [await fleet.one(), await fleet.separate()];
  const products: Contender[] = [];
  for (const node of nodes) products.push(await product(node, folder, sizes));
  const references = [await fleet.durable(), await fleet.router()].map((subject): Contender => ({
    name: subject.name,
    run: () => run(subject, REFERENCE_PAIRS, sizes),
  }));
  const outcomes = await alternate([...products, ...references], sizes.rounds, ({ p50, p99, max }) => {
    return `p50 ${figure(p50)} µs, p99 ${figure(p99)} µs, max ${figure(max)} µs`;
  });
  print(outcomes, sizes);
}

async function product(node: BenchNode, folder: string, sizes: LatSizes): Promise<Contender> {
  const accounts = await makeAccounts(node, 2);
  const channel = await makeChannel(node, accounts);
  const senders = accounts.slice(0, 1).map((account) => ({ connection: 0, account, channel }));
  const posts = sizes.messages + sizes.warmUp;
  const subject = productSubject(node);
  return {
    name: subject.name,
    run: async () => run(subject, await productAim(folder, accounts, senders, posts), sizes),
  };
}

function run(subject: Subject, aim: Aim, { messages, warmUp }: LatSizes) {
  return measure(subject, { ...aim, mode: 'lat', connections: 2, messages: [messages], warmUp, gapUs: GAP_US });
}

function print(outcomes: Outcome[], { rounds, messages }: LatSizes): void {
  console.log(
    `\nRoute latency A → node → B, medians of ${rounds} runs of ${messages} messages (${calmRuns(outcomes)})`,
  );
  console.log('goal: p50 ≤ 2 ms, p99 ≤ 6 ms');
  const bare = outcomes.at(-1);
  const rows = outcomes.map((outcome) => [
    outcome.name,
    `${figure(medianOf(outcome, ({ p50 }) => p50 / 1000))} ms`,
    `${figure(medianOf(outcome, ({ p99 }) => p99 / 1000))} ms`,
    bare === undefined ? '' : figure(medianOf(outcome, ({ p50 }) => p50) / medianOf(bare, ({ p50 }) => p50)),
  ]);
  console.log(table(['what', 'p50', 'p99', 'p50 × bare ws'], rows));
}
