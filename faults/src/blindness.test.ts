import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnService, type SpawnedService } from '@dcp/testkit';
import { startBlindNode, type BlindNode } from './blind-node.js';
import { needlesOf } from './needles.js';
import { descendants, searchMemory, type ProcessInfo } from './process-memory.js';

const CLIENTS = fileURLToPath(new URL('./blind-clients.ts', import.meta.url));
/** Letters and digits, so that no encoding of text changes them. */
const marker = () => `m${randomBytes(20).toString('hex')}`;
const MARKERS = { sealed: marker(), readable: marker() };
const sealed = needlesOf(MARKERS.sealed);
const readable = needlesOf(MARKERS.readable);

let node: BlindNode;
let clients: SpawnedService;

beforeAll(async () => {
  node = await startBlindNode();
  clients = await spawnService({
    script: CLIENTS,
    args: [node.url, MARKERS.sealed, MARKERS.readable],
    ready: /SAID (\d+)/,
    guardMs: 120_000,
  });
}, 240_000);

afterAll(async () => {
  await clients?.kill();
  await node?.stop();
}, 60_000);

/** Which service a process is, by its command line. */
function kindOf({ pid, command }: ProcessInfo): string {
  for (const [name, service] of node.services) if (service.pid === pid) return name;
  if (command.includes('nats-server')) return 'nats';
  return command.includes('postgres') ? 'postgres' : 'other';
}

describe('[DCP-12.3-06] a node that carried encrypted conversations', () => {
  it('clients of another process said and read everything, the backup included', () => {
    expect(Number(clients.ready[1])).toBe(50);
  });

  it('has no word of them in its memory, but of a readable channel', () => {
    const known = new Map<string, number>();
    const readableIn = new Set<string>();
    for (const process of descendants(clients.pid)) {
      const kind = kindOf(process);
      const { hits, bytes } = searchMemory(process.pid, sealed);
      expect({ kind, hits: hits.slice(0, 3) }).toEqual({ kind, hits: [] });
      if (searchMemory(process.pid, readable).hits.length > 0) readableIn.add(kind);
      known.set(kind, (known.get(kind) ?? 0) + bytes);
    }
    console.log(
      [...known].map(([kind, bytes]) => `${kind} ${Math.round(bytes / 1_048_576)} MiB`).join(', '),
      readableIn,
    );
    // The search must have seen what it is meant to see.
    for (const kind of ['gateway', 'channel', 'auth', 'keys', 'nats', 'postgres'])
      expect({ kind, searched: (known.get(kind) ?? 0) > 4 * 1_048_576 }).toEqual({ kind, searched: true });
    expect([...readableIn]).toEqual(expect.arrayContaining(['gateway', 'channel', 'postgres']));
  });

  it('has no word of them on its bus, but of a readable channel', () => {
    expect(node.searchTraffic(sealed)).toEqual([]);
    expect(node.searchTraffic(readable).map(({ form }) => form)).toContain('ascii');
  });

  it('has no word of anything in its logs and metrics', async () => {
    expect(await node.searchLogs(sealed)).toEqual([]);
    expect(await node.searchLogs(readable)).toEqual([]);
  });

  it('has no word of them in its tables, but of a readable channel', async () => {
    expect(await node.searchTables(sealed)).toEqual([]);
    expect((await node.searchTables(readable)).length).toBeGreaterThan(0);
  });

  it('has no word of them in the files of its database and their log, but of a readable channel', async () => {
    expect(await node.searchFiles(sealed)).toEqual([]);
    const files = (await node.searchFiles(readable)).map(({ around }) => around);
    expect(files.some((around) => around.startsWith('/pg_wal/'))).toBe(true);
    expect(files.some((around) => around.startsWith('/base/'))).toBe(true);
  });
});
