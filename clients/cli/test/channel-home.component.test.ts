import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const CLI = join(import.meta.dirname, '..', 'dist', 'main.js');
const HOME_NODE = join(import.meta.dirname, '..', '..', '..', 'services', 'home-node', 'dist', 'main.js');
const GUARD_MS = 40_000;

// Each step is a process of its own.
jest.setTimeout(180_000);

describe('dcp channel', () => {
  let folder: string;
  const nodes = new Map<string, SpawnedService>();
  const ports: Record<string, number> = {};

  const dcp = (profile: string, ...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], DCP_HOME: join(folder, 'profiles'), DCP_PROFILE: profile };
      execFile(process.execPath, [CLI, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  const passphrase = () => ['--passphrase-file', join(folder, 'passphrase')];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-cli-channel-'));
    // As root PostgreSQL runs under another user, who has to get there.
    await chmod(folder, 0o711);
    await writeFile(join(folder, 'passphrase'), 'a good passphrase\n');
    for (const id of ['northnod', 'southnod']) ports[id] = await freePort();
    await Promise.all([start('northnod', 'southnod'), start('southnod', 'northnod')]);
    await signUp('anna', 'northnod');
    await signUp('bob', 'southnod');
  });

  afterAll(async () => {
    for (const node of nodes.values()) await node.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(id: string, known: string): Promise<void> {
    const file = join(folder, `${id}.json`);
    const endpoint = `ws://127.0.0.1:${ports[known]}`;
    const known_nodes = [{ id: known, endpoint, name: known, trust_level: 'trusted' }];
    await writeFile(file, JSON.stringify({ known_nodes }));
    const env = {
      DCP_NODE_ID: id,
      DCP_DATA_DIR: join(folder, id),
      DCP_PORT: String(ports[id]),
      DCP_FEDERATION_PORT: String(await freePort()),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '0',
      DCP_KNOWN_NODES_FILE: file,
    };
    nodes.set(id, await spawnService({ script: HOME_NODE, env, ready: /Ctrl-C/, guardMs: 60_000 }));
  }

  async function signUp(profile: string, node: string): Promise<void> {
    const url = `http://127.0.0.1:${ports[node]}`;
    await dcp(profile, 'identity', 'create', profile, '--node', url, ...passphrase(), '--kdf', 'pbkdf2');
    expect((await dcp(profile, 'login', ...passphrase())).err).not.toMatch(/^dcp:/m);
  }

  it('says where a channel has its home, and moves one’s own to a node with a member in it', async () => {
    await dcp('anna', 'create', '#lobby');
    expect((await dcp('anna', 'channel', 'home', '#lobby')).out).toBe('The home of #lobby is northnod.\n');
    const early = await dcp('anna', 'channel', 'move', '#lobby', 'southnod');
    expect(early).toMatchObject({ code: 1, out: '' });
    expect(early.err).toMatch(/Nobody of southnod is a member/);
    expect((await dcp('bob', 'join', '#lobby@northnod')).code).toBe(0);
    await dcp('anna', 'send', '#lobby', 'before');
    expect((await dcp('bob', 'channel', 'move', '#lobby@northnod', 'southnod')).code).toBe(1);
    const moved = await dcp('anna', 'channel', 'move', '#lobby', 'southnod');
    expect(moved).toEqual({ code: 0, out: 'The home of #lobby@southnod is southnod now.\n', err: '' });
    expect((await dcp('bob', 'send', '#lobby', 'after')).code).toBe(0);
    await eventually(async () => {
      const { out } = await dcp('anna', 'history', '#lobby@southnod');
      expect(out).toMatch(/before[^]*after/);
    }, GUARD_MS);
    const shown = JSON.parse((await dcp('bob', 'channel', 'home', 'lobby', '--json')).out) as object;
    expect(shown).toMatchObject({ channel: '#lobby', home_node: 'southnod', home_epoch: 2, state: 'settled' });
  });

  it('lets a channel go on elsewhere when its home is lost, and only then', async () => {
    await dcp('anna', 'create', '#pier');
    expect((await dcp('bob', 'join', '#pier@northnod')).code).toBe(0);
    expect((await dcp('anna', 'channel', 'move', '#pier', 'southnod')).code).toBe(0);
    const name = '#pier@southnod';
    const alive = await dcp('anna', 'channel', 'replace-home', name);
    expect(alive.out).toMatch(/southnod answers: it is not lost/);
    const refused = await dcp('anna', 'channel', 'replace-home', name, '--confirm');
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/not lost/);
    await nodes.get('southnod')?.kill();
    const seen = await dcp('anna', 'channel', 'replace-home', name);
    expect(seen).toMatchObject({ code: 0, err: '' });
    expect(seen.out).toMatch(/NODE\s+FROM\s+TO\nnorthnod\s+1\s+\d+\n.*southnod does not answer[^]*--confirm/);
    const replaced = await dcp('anna', 'channel', 'replace-home', name, '--confirm');
    expect(replaced).toEqual({ code: 0, out: '#pier goes on at northnod.\n', err: '' });
    expect((await dcp('anna', 'send', '#pier', 'on we go')).code).toBe(0);
    expect((await dcp('anna', 'channel', 'replace-home', '--help')).out).toMatch(/will never come back/);
  });

  it('says what a move does, and to whom', async () => {
    const { out } = await dcp('anna', 'channel', 'move', '--help');
    expect(out).toMatch(/needs a member in the channel/);
    expect(out).toMatch(/--via <host>/);
  });
});
