import type { Fleet } from '../fleet.js';
import { LoadRun, type LoadOptions } from '../load-tool.js';
import { kernelKib } from '../machine.js';
import { untilQuiet } from '../measure.js';
import { type BenchAccount, makeAccounts } from '../prepare/accounts.js';
import { type BenchChannel, makeChannel } from '../prepare/channels.js';
import { residentKib } from '../processes.js';
import { productAim, productSubject } from '../product.js';
import { referenceRoom } from '../reference.js';
import { table } from '../report.js';
import { figure } from '../stats.js';
import type { Aim, Subject } from '../subject.js';

export interface IdleSizes {
  gateways: number;
  /** On each gateway. */
  connections: number;
  /** Messages that each connection has received when memory is read. */
  received: number;
  /** Rest before memory is read, in which the collectors of garbage do what they do by themselves. */
  restMs: number;
}

const KIB_PER_GIB = 1_048_576;

interface Held {
  name: string;
  connections: number;
  setUpSeconds: number;
  /** KiB for each connection: the doors' own, and the kernel's half for this end. */
  resident: number;
  kernel: number;
  /** KiB of the doors before. */
  base: number;
  /** KiB of every process. */
  all: number;
}

/** What a connection costs that is logged in, hears a channel and has got its messages, and then says nothing. */
export async function benchIdle(fleet: Fleet, sizes: IdleSizes): Promise<void> {
  const rows = [await holdProduct(fleet, sizes)];
  if (sizes.gateways === 1) rows.push(await holdReference(fleet, sizes));
  const title = `${sizes.gateways} gateway(s) × ${sizes.connections} connections, each with ${sizes.received} messages received`;
  console.log(`\nIdle connections: ${title}; goal: ≥ 60,000 per GiB`);
  const head = [
    'what',
    'connections',
    'up in',
    'process a connection',
    'kernel',
    'per GiB',
    'with the base',
    'doors in all',
    'whole node',
  ];
  // The sockets are the same to the kernel, and it keeps memory of the first run for the second.
  const kernel = Math.max(...rows.map((held) => held.kernel));
  console.log(
    table(
      head,
      rows.map((held) => row({ ...held, kernel })),
    ),
  );
}

function row({ name, connections, setUpSeconds, resident, kernel, base, all }: Held): string[] {
  const doors = (resident * connections + base) / 1024;
  return [
    name,
    connections.toLocaleString('en'),
    `${figure(setUpSeconds)} s`,
    `${figure(resident)} KiB`,
    `${figure(kernel)} KiB`,
    Math.floor(KIB_PER_GIB / (resident + kernel)).toLocaleString('en'),
    Math.floor(KIB_PER_GIB / (resident + kernel + base / connections)).toLocaleString('en'),
    `${figure(doors)} MiB`,
    `${figure(all / 1024)} MiB`,
  ];
}

/** The accounts are made through a gateway of their own: the memory of one that has served tens of thousands of calls says nothing. */
async function holdProduct(fleet: Fleet, sizes: IdleSizes): Promise<Held> {
  const { gateways, connections, received } = sizes;
  const [node, folder] = [await fleet.separate(gateways + 1), await fleet.folder()];
  const busy = { ...node, urls: node.urls.slice(gateways) };
  const began = performance.now();
  const accounts = await makeAccounts(busy, gateways * connections);
  const channel = await makeChannel(busy, accounts);
  console.log(`${accounts.length} accounts made and joined in ${figure((performance.now() - began) / 1000)} s`);
  const subjects: Subject[] = [];
  const aims: Aim[] = [];
  for (let door = 0; door < gateways; door++) {
    const share = accounts.slice(door * connections, (door + 1) * connections);
    subjects.push(productSubject(node, door));
    aims.push(await aimOf(folder, share, channel, door === 0 ? received : 0));
  }
  return await hold(subjects, aims, sizes);
}

function aimOf(folder: string, accounts: BenchAccount[], channel: BenchChannel, posts: number): Promise<Aim> {
  const senders = accounts.slice(0, 1).map((account) => ({ connection: 0, account, channel }));
  return productAim(folder, accounts, senders, posts);
}

async function holdReference(fleet: Fleet, sizes: IdleSizes): Promise<Held> {
  return await hold([await fleet.router()], [referenceRoom('idle')], sizes);
}

/** Opens everything, lets the first connection post, waits, reads the memory. */
async function hold(subjects: Subject[], aims: Aim[], { connections, received, restMs }: IdleSizes): Promise<Held> {
  const doors = subjects.flatMap((subject) => subject.doors);
  for (const subject of subjects) await untilQuiet(subject);
  const [base, kernel] = [residentKib(doors), kernelKib()];
  const runs = subjects.map((subject, i) => {
    const posts = i === 0 ? received : 0;
    return LoadRun.start(loadOf(subject, aims[i] as Aim, connections, posts, received));
  });
  try {
    const setUps = await Promise.all(runs.map((run) => run.setUp()));
    await Promise.all(runs.map((run) => run.round()));
    await new Promise((resolve) => setTimeout(resolve, restMs));
    const total = connections * subjects.length;
    return {
      name: subjects[0]?.name ?? '',
      connections: total,
      setUpSeconds: Math.max(...setUps.map(({ seconds }) => seconds)),
      resident: (residentKib(doors) - base) / total,
      kernel: (kernelKib() - kernel) / total / 2,
      base,
      all: residentKib(Object.values(subjects[0]?.processes() ?? {}).flat()),
    };
  } finally {
    await Promise.all(runs.map((run) => run.kill()));
  }
}

function loadOf(subject: Subject, aim: Aim, connections: number, posts: number, receive: number): LoadOptions {
  const { url, path, delivery } = subject;
  return { ...aim, url, path, delivery, mode: 'receive', connections, messages: [posts], receive, inFlight: 64 };
}
