import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Cleanup } from './cleanup.js';
import type { BenchNode } from './node-under-bench/bench-node.js';
import type { BenchAccount } from './prepare/accounts.js';
import { type Sender, writePlainFrames, writeSignedFrames, writeTokens } from './prepare/frames.js';
import type { Aim, Subject } from './subject.js';

/** One door of a node as the aim of load runs. */
export function productSubject(node: BenchNode, door = 0, note = ''): Subject {
  return {
    name: `${node.form}${note}`,
    url: node.urls[door] ?? '',
    path: '/ws/v1',
    delivery: '"event":"message"',
    error: '"event":"error"',
    doors: node.doors.slice(door, door + 1),
    processes: () => node.processes(),
  };
}

/** A private folder for tokens and frames. */
export async function scratchFolder(cleanup: Cleanup): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'dcp-bench-'));
  cleanup.add(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export type Posts = 'signed' | 'plain';

let files = 0;

/** Frames wait for the login that the token began; when this one is answered, the user hears his channels. */
const READY: Aim['steps'] = [
  { send: '{"command":"unsubscribe","id":"ready","data":{"channel":"#general"}}' },
  { expect: '"event":"ack","id":"ready"' },
];

/** Tokens and fresh posts of a run. */
export async function productAim(
  folder: string,
  accounts: readonly BenchAccount[],
  senders: readonly Sender[],
  each: number,
  posts: Posts = 'signed',
): Promise<Aim> {
  const [tokenFile, frameFile] = [join(folder, `tokens-${files}`), join(folder, `frames-${files++}`)];
  await writeTokens(tokenFile, accounts);
  await (posts === 'signed' ? writeSignedFrames : writePlainFrames)(frameFile, senders, each);
  return { steps: READY, tokenFile, frameFile };
}
