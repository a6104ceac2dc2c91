import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cleanup } from '../cleanup.js';
import { scratchFolder } from '../product.js';
import { freePort } from '../testkit.js';
import type { BenchNode } from './bench-node.js';
import { startOneProcess } from './one-process.js';

/** Two home nodes that trust each other, each in a process of its own with its own PostgreSQL, and one link between them. */
export interface TwoNodes {
  /** Orders the channels of the bench. */
  home: BenchNode;
  /** Keeps copies of them, for its own users. */
  away: BenchNode;
}

interface Place {
  id: string;
  port: number;
}

export async function startTwoNodes(cleanup: Cleanup, env: Record<string, string> = {}): Promise<TwoNodes> {
  const folder = await scratchFolder(cleanup);
  const [home, away] = [await place('benchhom'), await place('benchfar')];
  const start = async (own: Place, other: Place) =>
    await startOneProcess(cleanup, { ...env, ...(await settingsOf(folder, own, other)) });
  return { home: await start(home, away), away: await start(away, home) };
}

async function place(id: string): Promise<Place> {
  return { id, port: await freePort() };
}

async function settingsOf(folder: string, own: Place, other: Place): Promise<Record<string, string>> {
  const file = join(folder, `${own.id}.json`);
  const endpoint = `ws://127.0.0.1:${other.port}`;
  const known_nodes = [{ id: other.id, endpoint, name: other.id, trust_level: 'trusted' }];
  await writeFile(file, JSON.stringify({ known_nodes }), { mode: 0o600 });
  return {
    DCP_NODE_ID: own.id,
    DCP_PORT: String(own.port),
    DCP_FEDERATION_PORT: String(await freePort()),
    DCP_KNOWN_NODES_FILE: file,
  };
}
