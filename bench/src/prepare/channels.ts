import type { BenchNode } from '../node-under-bench/bench-node.js';
import type { BenchAccount } from './accounts.js';
import { call, inParallel } from './rest.js';

export interface BenchChannel {
  id: string;
  name: string;
}

let made = 0;

/** A fresh public channel in mode `node`; the first member makes it, the others join before any socket is open, so that joins cost no delivery. */
export async function makeChannel(node: BenchNode, members: readonly BenchAccount[]): Promise<BenchChannel> {
  const [owner, ...others] = members;
  if (owner === undefined) throw new Error('a channel needs a member');
  const name = `#bench-${process.pid}-${made++}`;
  const [url = ''] = node.urls;
  const body = { channel: name, encryption: 'node' };
  const { channel_id: id } = await call<{ channel_id: string }>(url, '/channels', { body, token: owner.token });
  await inParallel(others, async ({ token }, i) => {
    await call(node.urls[i % node.urls.length] ?? '', `/channels/${id}/join`, { token });
  });
  return { id, name };
}

/** Joins a channel of another node, in milliseconds. The first who does makes his node copy the channel. */
export async function joinFrom(node: BenchNode, { token }: BenchAccount, reference: string): Promise<number> {
  const began = performance.now();
  await call(node.urls[0] ?? '', `/channels/${encodeURIComponent(reference)}/join`, { token });
  return performance.now() - began;
}

/** Two members each: connections 2i and 2i + 1. */
export async function makePairs(node: BenchNode, accounts: readonly BenchAccount[]): Promise<BenchChannel[]> {
  const pairs = Array.from({ length: accounts.length >> 1 }, (_, i) => accounts.slice(2 * i, 2 * i + 2));
  const channels: BenchChannel[] = [];
  for (const pair of pairs) channels.push(await makeChannel(node, pair));
  return channels;
}
