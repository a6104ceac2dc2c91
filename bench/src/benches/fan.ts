import { alternate, calmRuns, type Contender, medianOf, type Outcome } from '../alternate.js';
import type { Fleet } from '../fleet.js';
import { type Measured, measure } from '../measure.js';
import type { BenchNode } from '../node-under-bench/bench-node.js';
import { type BenchAccount, makeAccounts } from '../prepare/accounts.js';
import { makeChannel } from '../prepare/channels.js';
import { BODY_BYTES } from '../prepare/frames.js';
import { productAim, productSubject } from '../product.js';
import { referenceRoom } from '../reference.js';
import { table } from '../report.js';
import { figure } from '../stats.js';
import type { Aim, Subject } from '../subject.js';

export interface RoomSize {
  members: number;
  /** Posts with one, and with sixteen on their way. */
  messages: [one: number, sixteen: number];
  warmUp: number;
}

export interface FanSizes {
  rounds: number;
  rooms: RoomSize[];
}

const WINDOWS = [1, 16];
/** What the product delivers for a text of BODY_BYTES: the whole signed message, where it belongs and what the node adds. */
const FRAME_BYTES = 1_000;

/** One member of a room posts, every member has it when the next post goes (or the sixteenth after it). */
export async function benchFan(fleet: Fleet, { rounds, rooms }: FanSizes): Promise<void> {
  const folder = await fleet.folder();
  const nodes = [await fleet.one(), await fleet.separate()];
  const router = await fleet.router();
  const rows: string[][] = [];
  for (const room of rooms) {
    const contenders: Contender[] = [];
    for (const node of nodes)
      contenders.push(await fanContender(node, await makeAccounts(node, room.members), folder, room));
    contenders.push(
      {
        name: `${router.name}, frames of the product's length`,
        run: () => run(router, roomOf(room, FRAME_BYTES), room),
      },
      { name: router.name, run: () => run(router, roomOf(room, BODY_BYTES), room) },
    );
    const outcomes = await alternate(contenders, rounds, describe);
    console.log(`room of ${room.members}: ${calmRuns(outcomes)}`);
    rows.push(...rowsOf(outcomes, room.members));
  }
  console.log(
    `\nFan-out, medians of ${rounds} runs; goal: ≤ 9 µs a delivery in a room of 1,000, last of 10,000 within 250 ms`,
  );
  const head = [
    'room',
    'pending',
    'what',
    'door CPU a delivery',
    'node CPU',
    'deliveries/s',
    'last recipient p50 / p99',
  ];
  console.log(table([...head, 'door × ws'], rows));
}

/** One room of one node; fresh posts for each run. */
export async function fanContender(
  node: BenchNode,
  accounts: BenchAccount[],
  folder: string,
  room: RoomSize,
): Promise<Contender> {
  const channel = await makeChannel(node, accounts);
  const senders = accounts.slice(0, 1).map((account) => ({ connection: 0, account, channel }));
  const posts = room.messages[0] + room.messages[1] + 2 * room.warmUp;
  const subject = productSubject(node);
  return {
    name: subject.name,
    run: async () => run(subject, await productAim(folder, accounts, senders, posts), room),
  };
}

function roomOf({ members }: RoomSize, bodyBytes: number): Aim {
  return { ...referenceRoom(`room-${members}-${bodyBytes}`), bodyBytes };
}

function run(subject: Subject, aim: Aim, { members, messages, warmUp }: RoomSize): Promise<Measured[]> {
  return measure(subject, { ...aim, mode: 'fan', connections: members, messages, windows: WINDOWS, warmUp });
}

function describe({ deliveries, seconds, doorCpu, p50 }: Measured): string {
  const cpu = figure((doorCpu / deliveries) * 1e6);
  return `${deliveries} deliveries, ${cpu} µs each, ${figure(deliveries / seconds)}/s, last recipient ${figure(p50 / 1000)} ms`;
}

function rowsOf(outcomes: Outcome[], members: number): string[][] {
  const perDelivery = (outcome: Outcome, which: 'doorCpu' | 'totalCpu', at: number) =>
    medianOf(outcome, (measured) => (measured[which] / measured.deliveries) * 1e6, at);
  const reference = outcomes.at(-1);
  return WINDOWS.flatMap((window, at) =>
    outcomes.map((outcome) => [
      members.toLocaleString('en'),
      String(window),
      outcome.name,
      `${figure(perDelivery(outcome, 'doorCpu', at))} µs`,
      `${figure(perDelivery(outcome, 'totalCpu', at))} µs`,
      figure(medianOf(outcome, ({ deliveries, seconds }) => deliveries / seconds, at)),
      `${ms(medianOf(outcome, ({ p50 }) => p50, at))} / ${ms(medianOf(outcome, ({ p99 }) => p99, at))} ms`,
      reference === undefined
        ? ''
        : figure(perDelivery(outcome, 'doorCpu', at) / perDelivery(reference, 'doorCpu', at)),
    ]),
  );
}

function ms(micros: number): string {
  return figure(micros / 1000);
}
