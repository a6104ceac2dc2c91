import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { eventually, freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');

describe('a home node in one process', () => {
  let folder: string;
  let port: number;
  let node: SpawnedService | undefined;

  const start = async (env: Record<string, string> = {}, args: string[] = []) => {
    const ready = /address\s+(http:\S+)[\s\S]*Ctrl-C/;
    const given = {
      DCP_DATA_DIR: folder,
      DCP_PORT: String(port),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '100',
      HOME: folder,
      ...env,
    };
    node = await spawnService({ script: MAIN, args, env: given, ready });
    return node;
  };

  const get = async (path: string) =>
    (await fetch(`http://127.0.0.1:${port}${path}`)).json() as Promise<Record<string, unknown>>;

  beforeAll(async () => {
    const parent = await mkdtemp(join(tmpdir(), 'dcp-home-'));
    // As root PostgreSQL runs under another user, who has to get there.
    await chmod(parent, 0o711);
    folder = join(parent, 'data');
    port = await freePort();
  });

  afterAll(async () => {
    await node?.stop();
    await rm(join(folder, '..'), { recursive: true, force: true });
  });

  it('prints address, data folder and how to make the first account, and is ready', async () => {
    const { ready } = await start();
    expect(ready[0]).toContain(folder);
    expect(ready[0]).toContain('identity create');
    const health = /health\s+(\S+)/.exec(ready[0])?.[1] ?? '';
    expect(await (await fetch(health)).json()).toMatchObject({ ready: true });
    expect(await (await fetch(health.replace('readyz', 'metrics'))).text()).toMatch(/dcp_connections/);
  });

  it('keeps its secrets from others', async () => {
    const { mode } = await stat(join(folder, 'secrets.json'));
    expect(mode & 0o777).toBe(0o600);
    const { nodeKey } = JSON.parse(await readFile(join(folder, 'secrets.json'), 'utf8')) as { nodeKey: string };
    expect(node?.output()).not.toContain(nodeKey);
  });

  it('stops on Ctrl-C in good order, and started again it is the same node with the same data', async () => {
    const before = await get('/api/v1/node');
    node?.signal('SIGINT');
    expect(await node?.exited).toEqual({ code: 0, signal: null });
    expect(node?.output()).toMatch(/stopping: .*\n {2}stopped\n$/);
    await start();
    expect((await get('/api/v1/node'))['node_info']).toEqual(before['node_info']);
  });

  it('comes back after a kill -9', async () => {
    const before = await get('/api/v1/node');
    await node?.kill();
    await start();
    expect((await get('/api/v1/node'))['node_info']).toEqual(before['node_info']);
  });

  it('takes the data folder of a version with fewer services, and changes nothing that was in it', async () => {
    await node?.stop();
    const file = join(folder, 'secrets.json');
    const before = JSON.parse(await readFile(file, 'utf8')) as { nodeKey: string; passwords: Record<string, string> };
    const { auth, channel } = before.passwords;
    await writeFile(file, JSON.stringify({ nodeKey: before.nodeKey, passwords: { auth, channel } }));
    const { ready } = await start();
    const health = /health\s+(\S+)/.exec(ready[0])?.[1] ?? '';
    await eventually(async () =>
      expect(await (await fetch(health)).json()).toMatchObject({ ready: true, checks: { 'keys.database': 'ok' } }),
    );
    const after = JSON.parse(await readFile(file, 'utf8')) as typeof before;
    const made = expect.stringMatching(/^[0-9a-f]{48}$/);
    expect(after).toEqual({
      nodeKey: before.nodeKey,
      passwords: { auth, channel, keys: made, federation: made, 'trust-chain': made },
    });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).filter((name) => name.startsWith('secrets'))).toEqual(['secrets.json']);
  });

  it('a second start over the same data fails and says why', async () => {
    const second = spawnService({
      script: MAIN,
      env: { DCP_DATA_DIR: folder, DCP_PORT: '0', DCP_HEALTH_PORT: '0', HOME: folder },
      ready: /Ctrl-C/,
    });
    await expect(second).rejects.toThrow(/already|in use|runs/i);
    expect((await get('/api/v1/node'))['node_info']).toBeDefined();
  });

  it('tells all faults of its configuration at once and what an option is for', async () => {
    const wrong = spawnService({
      script: MAIN,
      env: { DCP_PORT: '99999', DCP_HEALTH_PORT: 'x', DCP_DATA_DIR: folder },
      ready: /Ctrl-C/,
    });
    await expect(wrong).rejects.toThrow(/DCP_HEALTH_PORT/);
    const unknown = spawnService({ script: MAIN, args: ['--prot', '1'], ready: /Usage: npm start/ });
    await expect(unknown.then(({ exited }) => exited)).resolves.toMatchObject({ code: 78 });
  });

  it('bound to a network it admits by invite, and prints one for the owner; open registration without work is refused', async () => {
    await node?.stop();
    const { ready } = await start({ DCP_HOST: '0.0.0.0' });
    expect(ready[0]).toMatch(/--invite [a-z2-7]{24}/);
    expect(await get('/api/v1/node')).toMatchObject({ registration: 'invite' });
    await node?.stop();
    await expect(start({ DCP_HOST: '0.0.0.0', DCP_REGISTRATION: 'open' })).rejects.toThrow(/DCP_PROOF_OF_WORK_BITS/);
  });
});
