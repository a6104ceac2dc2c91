import { setTimeout as delay } from 'node:timers/promises';
import { BenchSocket } from '../../bench-socket.js';
import { busyByOthers, waitForCalm } from '../../calm.js';
import type { Fleet } from '../../fleet.js';
import type { BenchNode } from '../../node-under-bench/bench-node.js';
import { type BenchAccount, makeAccounts } from '../../prepare/accounts.js';
import { type BenchChannel, makeChannel } from '../../prepare/channels.js';
import { signedPosts } from '../../prepare/frames.js';
import { call, inParallel } from '../../prepare/rest.js';
import { cpuOf, residentKib } from '../../processes.js';
import { collectGarbage } from '../../profile.js';
import { table } from '../../report.js';
import { figure, median, quantile } from '../../stats.js';
import { BenchPeer } from './bench-peer.js';

export interface PeersSizes {
  /** Links that do nothing. */
  idle: number;
  /** Of them, nodes with a member in a channel. */
  readers: number;
  posts: number;
  warmUp: number;
  restMs: number;
  /** Tell also what is left when the garbage is collected: the node was started inspectable. */
  collect: boolean;
}

const GUARD_MS = 30_000;

/** What many other nodes cost: a link that does nothing, and a post that goes to all of them. */
export async function benchPeers(fleet: Fleet, sizes: PeersSizes): Promise<void> {
  const node = await fleet.one();
  const [owner] = await makeAccounts(node, 1, true);
  if (owner === undefined) throw new Error('a node needs an owner');
  const peers = await introduce(node, owner, sizes.idle);
  try {
    await idleLinks(node, peers, sizes);
    await fanOut(node, owner, peers.slice(0, sizes.readers), sizes);
  } finally {
    for (const peer of peers) peer.close();
  }
}

async function introduce(node: BenchNode, { token }: BenchAccount, count: number): Promise<BenchPeer[]> {
  const peers = Array.from({ length: count }, (_, i) => new BenchPeer(`p${i.toString(36).padStart(7, '0')}`));
  await inParallel(peers, async ({ nodeId }) => {
    const body = { level: 'trusted' };
    await call(node.urls[0] ?? '', `/admin/trust/levels/${nodeId}`, { method: 'PUT', body, token });
  });
  return peers;
}

async function idleLinks(node: BenchNode, peers: BenchPeer[], { restMs, collect }: PeersSizes): Promise<void> {
  const url = await linkUrl(node);
  // The first links bring in code and pools that stay; they are not counted.
  const [first, rest] = [peers.slice(0, peers.length >> 3), peers.slice(peers.length >> 3)];
  for (const peer of first) await peer.link(url, node.nodeId);
  const before = await memory(node, restMs, collect);
  const began = performance.now();
  for (const peer of rest) await peer.link(url, node.nodeId);
  const each = (performance.now() - began) / rest.length;
  const after = await memory(node, restMs, collect);
  const [asIs, collected] = [after.asIs - before.asIs, after.collected - before.collected];
  const kept = collect ? `, ${figure(collected / rest.length)} with its garbage collected` : '';
  console.log(
    `\nPeers: ${rest.length} idle links on top of ${first.length}: ${figure(asIs / rest.length)} KiB of the node each${kept} (goal: < 100 KB), made in ${figure(each)} ms each`,
  );
}

/** Resident KiB after a rest, as they are and without the garbage of what was before. */
async function memory(node: BenchNode, restMs: number, collect: boolean) {
  await delay(restMs);
  const asIs = residentKib(node.doors);
  if (collect) for (const printed of Object.values(node.printed())) await collectGarbage(printed);
  return { asIs, collected: residentKib(node.doors) };
}

async function linkUrl({ urls }: BenchNode): Promise<string> {
  const answer = await fetch(`${urls[0]}/.well-known/dcp/node.json`);
  return ((await answer.json()) as { federation: string }).federation;
}

async function fanOut(
  node: BenchNode,
  owner: BenchAccount,
  readers: BenchPeer[],
  { posts, warmUp }: PeersSizes,
): Promise<void> {
  const channel = await makeChannel(node, [owner]);
  for (const reader of readers)
    await reader.ask('channel_change', { user_id: `${reader.nodeId}.one`, channel_id: channel.id, change: 'join' });
  const socket = await BenchSocket.open(node, owner);
  await waitForCalm();
  const others = busyByOthers();
  const [acks, last]: [number[], number[]] = [[], []];
  let cpu = 0;
  for (const [i, post] of signedPosts({ account: owner, channel }, posts + warmUp).entries()) {
    if (i === warmUp) cpu = cpuOf(node.doors);
    const began = performance.now();
    const heard = allHear(readers, channel);
    const { at } = await socket.post(post);
    await heard;
    if (i >= warmUp) {
      acks.push(at - began);
      last.push(performance.now() - began);
    }
  }
  socket.close();
  const perReader = ((cpuOf(node.doors) - cpu) / posts / readers.length) * 1e6;
  console.log(
    `\nPeers: ${posts} posts, one at a time, each to ${readers.length} nodes; others used ${figure(others())} processors`,
  );
  const row = [figure(median(acks)), figure(median(last)), figure(quantile(last, 0.99))].map((text) => `${text} ms`);
  console.log(
    table(
      ['ordered p50', 'last node has it p50', 'p99', 'node CPU a node and post'],
      [[...row, `${figure(perReader)} µs`]],
    ),
  );
}

/** Resolves when every node has taken one more entry than it has now. */
async function allHear(readers: BenchPeer[], { name }: BenchChannel): Promise<void> {
  const end = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`a post in ${name} did not come to every node`)), GUARD_MS).unref();
  });
  const heard = readers.map(
    (reader) =>
      new Promise<void>((resolve) => {
        const before = reader.lastSeq;
        reader.onEntry = (seq) => {
          if (seq > before) resolve();
        };
      }),
  );
  await Promise.race([Promise.all(heard), end]);
}
