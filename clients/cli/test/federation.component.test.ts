import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const CLI = join(import.meta.dirname, '..', 'dist', 'main.js');
const HOME_NODE = join(import.meta.dirname, '..', '..', '..', 'services', 'home-node', 'dist', 'main.js');

// Each step is a process of its own.
jest.setTimeout(180_000);

describe('dcp federation on the command line', () => {
  let folder: string;
  let node: SpawnedService;

  const dcp = (profile: string, ...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], DCP_HOME: join(folder, 'profiles'), DCP_PROFILE: profile };
      execFile(process.execPath, [CLI, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-cli-federation-'));
    // As root PostgreSQL runs under another user, who has to get there.
    await chmod(folder, 0o711);
    const passphrase = ['--passphrase-file', join(folder, 'passphrase')];
    await writeFile(join(folder, 'passphrase'), 'a good passphrase\n');
    const url = `http://127.0.0.1:${await freePort()}`;
    const env = {
      DCP_DATA_DIR: join(folder, 'data'),
      DCP_PORT: new URL(url).port,
      DCP_FEDERATION_PORT: String(await freePort()),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '100',
    };
    node = await spawnService({ script: HOME_NODE, env, ready: /Ctrl-C/ });
    for (const who of ['owner', 'bob']) {
      await dcp(who, 'identity', 'create', who, '--node', url, ...passphrase, '--kdf', 'pbkdf2');
      await dcp(who, 'login', ...passphrase);
    }
  });

  afterAll(async () => {
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('shows the nodes that were seen', async () => {
    expect(await dcp('owner', 'federation', 'peers')).toEqual({
      code: 0,
      out: 'No other node was seen yet.\n',
      err: '',
    });
    expect(JSON.parse((await dcp('owner', 'federation', 'peers', '--json')).out)).toEqual({ peers: [] });
  });

  it('says how others come to this node, and what to do', async () => {
    const { code, out } = await dcp('owner', 'federation', 'doctor');
    expect(out).toMatch(/^ok +document +this node answers at wss:\/\/127\.0\.0\.1:\d+\/federation\/v1$/m);
    expect(out).toMatch(/^FAULT +loopback .*set DCP_FEDERATION_HOST/m);
    expect(code).toBe(1);
  });

  it('says that a node is not found', async () => {
    const { code, out } = await dcp('owner', 'federation', 'doctor', 'zzzzzzzz');
    expect(out).toMatch(/^FAULT +document +NODE_UNREACHABLE not_found - .*DCP_KNOWN_NODES_FILE$/m);
    expect(code).toBe(1);
    expect((await dcp('owner', 'federation', 'forget', 'zzzzzzzz')).code).not.toBe(0);
  });

  it('is for the owner', async () => {
    for (const what of ['peers', 'doctor']) {
      const { code, err } = await dcp('bob', 'federation', what);
      expect(code).not.toBe(0);
      expect(err).not.toBe('');
    }
  });
});
