import { setTimeout as delay } from 'node:timers/promises';
import { BenchSocket } from '../../bench-socket.js';
import { busyByOthers, waitForCalm } from '../../calm.js';
import type { TwoNodes } from '../../node-under-bench/two-nodes.js';
import { type Author, type SignedPost, signedPosts } from '../../prepare/frames.js';
import { table } from '../../report.js';
import { figure, quantile } from '../../stats.js';
import type { People } from './people.js';

export interface HopSizes {
  /** Of each of the two. */
  messages: number;
  warmUp: number;
}

interface Writer {
  name: string;
  socket: BenchSocket;
  /** Where its posts arrive: the user of the other node. */
  other: BenchSocket;
  posts: SignedPost[];
  times: Times[];
  queued: number;
}

/** Milliseconds from the post on. */
interface Times {
  answered: number;
  arrived: number;
}

const GAP_MS = 1;

/** One post at a time, by turns of a user of the channel's node and one of the other node. */
export async function benchHop({ home, away }: TwoNodes, people: People, sizes: HopSizes): Promise<void> {
  const { channel } = people;
  await waitForCalm();
  const [near, far] = [
    await BenchSocket.open(home, people.home.one, [channel.id]),
    await BenchSocket.open(away, people.away.one, [channel.id]),
  ];
  const writers = [
    writer("the channel's node", near, far, { account: people.home.one, channel }, sizes),
    writer('the other node', far, near, { account: people.away.one, channel }, sizes),
  ];
  const others = busyByOthers();
  for (let i = 0; i < sizes.warmUp + sizes.messages; i++) {
    for (const each of writers) await postOne(each, i);
  }
  for (const each of writers) each.times = each.times.slice(-sizes.messages);
  print(writers, sizes, others());
  for (const { socket } of writers) socket.close();
}

function writer(name: string, socket: BenchSocket, other: BenchSocket, author: Author, sizes: HopSizes): Writer {
  return { name, socket, other, posts: signedPosts(author, sizes.messages + sizes.warmUp), times: [], queued: 0 };
}

/**
 * A post that its home did not answer in time (`queued`) has no figure. It has to come back to its writer too before the next one is posted:
 * the copies of two posts would wait for each other.
 */
async function postOne(writer: Writer, i: number): Promise<void> {
  const post = writer.posts[i];
  if (post === undefined) return;
  const [arrival, own] = [writer.other.arrival(post.id), writer.socket.arrival(post.id)];
  const began = performance.now();
  const [{ state, at }, arrived] = await Promise.all([writer.socket.post(post), arrival, own]);
  if (state === 'ordered') writer.times.push({ answered: at - began, arrived: arrived - began });
  else writer.queued++;
  await delay(GAP_MS);
}

function print(writers: Writer[], { messages }: HopSizes, others: number): void {
  console.log(`\nFederation: one post at a time, ${messages} each by turns; others used ${figure(others)} processors`);
  const head = [
    'post by a user of',
    'ordered p50',
    'p99',
    'at a user of the other p50',
    'p99',
    'after its ack p50',
    'p99',
  ];
  const rows = writers.map(({ name, times, queued }) => [
    name,
    ...pair(times.map(({ answered }) => answered)),
    ...pair(times.map(({ arrived }) => arrived)),
    ...pair(times.map(({ answered, arrived }) => arrived - answered)),
    String(queued),
  ]);
  console.log(table([...head, 'queued'], rows));
  const [near = 0, far = 0] = writers.map(({ times }) =>
    quantile(
      times.map(({ answered }) => answered),
      0.5,
    ),
  );
  const [nearLate = 0, farLate = 0] = writers.map(({ times }) =>
    quantile(
      times.map(({ answered }) => answered),
      0.99,
    ),
  );
  console.log(`the hop adds ${figure(far - near)} ms p50 (goal: < 3 ms), ${figure(farLate - nearLate)} ms p99`);
}

/** A negative time: it arrived before its writer was answered. */
function pair(times: number[]): string[] {
  return [0.5, 0.99].map((share) => `${figure(quantile(times, share))} ms`);
}
