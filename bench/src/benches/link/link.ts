import { setTimeout as delay } from 'node:timers/promises';
import { FEDERATION, type PeerKind } from '@dcp/contracts';
import { newMessageId } from '@dcp/client-sdk';
import { busyByOthers, waitForCalm } from '../../calm.js';
import type { Fleet } from '../../fleet.js';
import { BODY_BYTES } from '../../prepare/frames.js';
import { cpuOf } from '../../processes.js';
import { table } from '../../report.js';
import { figure } from '../../stats.js';
import type { House } from './house.js';
import { HomeLogs, ReaderLogs } from './logs.js';

export interface OneLinkSizes {
  seconds: number;
  warmUpSeconds: number;
}

/** What the channel service (or keys) of the reader's node asks at the same time. */
interface Load {
  name: string;
  kind: PeerKind;
  /** Questions that wait for their answers. */
  underWay: number;
  /** Messages in each. */
  each: number;
  /** The entries come back by the feed. */
  fed: boolean;
}

const LOADS: Load[] = [
  { name: 'posts, 20 channels × 8', kind: 'channel_post', underWay: 20, each: 8, fed: false },
  { name: 'posts, 20 channels × 8, and their entries back', kind: 'channel_post', underWay: 20, each: 8, fed: true },
  { name: 'posts, 2 channels × 80, and their entries back', kind: 'channel_post', underWay: 2, each: 80, fed: true },
  { name: 'posts, one at a time in each of 160 channels', kind: 'channel_post', underWay: 160, each: 1, fed: false },
  { name: 'route_message, 160 under way', kind: 'route_message', underWay: 160, each: 1, fed: false },
];

const HEARD = Array.from({ length: 20 }, (_, i) => channelId('heard', i));
/** Entries that may be on their way back: who posts waits for the feed, so that what is measured can go on. */
const MOST_BEHIND = 1_600;
const LOOK_MS = 2;
const AGAIN_MS = 250;
const GUARD_MS = 60_000;
const TEXT = 'x'.repeat(BODY_BYTES);
const SEALED = Buffer.alloc(BODY_BYTES * 2).toString('base64');

interface Pair {
  home: House;
  reader: House;
  homeLogs: HomeLogs;
  readerLogs: ReaderLogs;
}

/**
 * What one link can do when nothing behind it takes any time: two federation services, everything else played by this process. `only`: the
 * numbers of some loads; none: all.
 */
export async function benchOneLink(fleet: Fleet, sizes: OneLinkSizes, only: readonly number[] = []): Promise<void> {
  const [home, reader] = await fleet.houses();
  const homeLogs = new HomeLogs(home, reader.nodeId, HEARD);
  const pair = { home, reader, homeLogs, readerLogs: new ReaderLogs(reader) };
  await home.bus.flush();
  await reader.bus.flush();
  await openLink(pair);
  const rows: string[][] = [];
  const loads = LOADS.filter((_, i) => only.length === 0 || only.includes(i));
  for (const load of loads) rows.push(await press(pair, load, sizes));
  console.log(`\nLink: messages over one link, ${sizes.seconds} s each; goal: ≥ 5,000/s on one core`);
  const head = [
    'what is asked',
    'routed/s',
    'one core each carries',
    'CPU a message (µs)',
    'entries a batch',
    'others',
  ];
  console.log(table(head, rows));
}

/** A service that has just started may not know yet whom it trusts. */
async function openLink({ home, reader }: Pair): Promise<void> {
  const question = { node_id: home.nodeId, via: home.place, kind: 'route_message', body: sealed(home) };
  for (const end = performance.now() + GUARD_MS; ;) {
    try {
      await reader.bus.request(FEDERATION.ask, question, { timeoutMs: GUARD_MS });
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await delay(AGAIN_MS);
    }
  }
}

async function press(pair: Pair, load: Load, { seconds, warmUpSeconds }: OneLinkSizes): Promise<string[]> {
  await waitForCalm();
  let [routed, isOver] = [0, false];
  const before = { entries: pair.readerLogs.entries, batches: pair.readerLogs.batches };
  const behind = () => (load.fed ? before.entries + routed - pair.readerLogs.entries : 0);
  const ask = async (lane: number) => {
    while (!isOver) {
      while (behind() > MOST_BEHIND) await delay(LOOK_MS);
      const question = { node_id: pair.home.nodeId, kind: load.kind, body: bodyOf(pair, load, lane) };
      await pair.reader.bus.request(FEDERATION.ask, question, { timeoutMs: GUARD_MS });
      routed += load.each;
    }
  };
  const asking = Promise.all(Array.from({ length: load.underWay }, (_, lane) => ask(lane)));
  await Promise.race([delay(warmUpSeconds * 1000), asking]);
  const [others, began, cpu, warm] = [busyByOthers(), performance.now(), spent(pair), routed];
  await Promise.race([delay(seconds * 1000), asking]);
  const [took, after, busy] = [(performance.now() - began) / 1000, spent(pair), others()];
  const measured = routed - warm;
  isOver = true;
  await asking;
  if (load.fed) await allHeard(pair.readerLogs, before.entries + routed);
  const micros = [...Map.groupBy(after, ([, { part }]) => part)].map(([part, some]): [string, number] => {
    const seconds = some.reduce((sum, [pid, now]) => sum + now.cpu - (cpu.get(pid)?.cpu ?? 0), 0);
    return [part, (seconds / measured) * 1e6];
  });
  const busiest = Math.max(...micros.filter(([part]) => part.endsWith('federation')).map(([, cost]) => cost));
  const { entries, batches } = pair.readerLogs;
  return [
    load.name,
    figure(measured / took),
    `${figure(1e6 / busiest)}/s`,
    micros.map(([part, cost]) => `${part} ${figure(cost)}`).join(', '),
    load.fed ? figure((entries - before.entries) / (batches - before.batches)) : '',
    figure(busy),
  ];
}

/** Everything that was posted comes back once. */
async function allHeard(logs: ReaderLogs, wanted: number): Promise<void> {
  const end = performance.now() + GUARD_MS;
  while (logs.entries < wanted && performance.now() < end) await delay(5);
  if (logs.entries !== wanted) throw new Error(`${wanted} entries were ordered, but ${logs.entries} came back`);
}

/** CPU seconds of each process: connections to PostgreSQL come and go. */
function spent({ home, reader }: Pair): Map<number, { part: string; cpu: number }> {
  const parts = Object.entries({ home, reader }).flatMap(([name, house]) =>
    Object.entries(house.processes()).map(([part, pids]) => ({ part: `${name} ${part}`, pids })),
  );
  const all = [...parts, { part: 'bench', pids: [process.pid] }];
  return new Map(all.flatMap(({ part, pids }) => pids.map((pid) => [pid, { part, cpu: cpuOf([pid]) }])));
}

function bodyOf({ home, reader }: Pair, { kind, each, fed }: Load, lane: number): object {
  if (kind === 'route_message') return sealed(home);
  const channel_id = fed ? (HEARD[lane % HEARD.length] ?? '') : channelId('alone', lane);
  return { posts: Array.from({ length: each }, () => ({ channel_id, message: messageOf(reader, channel_id) })) };
}

function sealed({ nodeId }: House): object {
  return { destination_user: `${nodeId}.bench`, encrypted_message: SEALED };
}

/** As long as those of the other benches; nobody checks who signed it. */
function messageOf({ nodeId }: House, channel_id: string): Record<string, unknown> {
  return {
    id: newMessageId(),
    type: 'text',
    timestamp: new Date().toISOString(),
    author: `${nodeId}.bench`,
    channel_id,
    content: { text: TEXT, format: 'plain' },
    encryption: { algorithm: 'none', key_id: 'node', nonce: '' },
    metadata: { client: 'bench/1', edited: false, reply_to: null },
    signature: `ed25519:${'A'.repeat(86)}==`,
  };
}

function channelId(name: string, i: number): string {
  return `ch_${`${name}${i.toString(36).padStart(4, 'a')}`.padEnd(52, 'a')}`;
}
