import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const CLI = join(import.meta.dirname, '..', 'dist', 'main.js');
const HOME_NODE = join(import.meta.dirname, '..', '..', '..', 'services', 'home-node', 'dist', 'main.js');
const SPAMMER = 'c9y2m7q1.spam-user-x7k2';

// Each step is a process of its own.
jest.setTimeout(180_000);

describe('dcp trust on the command line', () => {
  let folder: string;
  let node: SpawnedService;
  let bob: string;

  const dcp = (profile: string, ...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], DCP_HOME: join(folder, 'profiles'), DCP_PROFILE: profile };
      execFile(process.execPath, [CLI, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  const trust = async (...args: string[]) => {
    const { code, out, err } = await dcp('owner', 'trust', ...args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-cli-trust-'));
    // As root PostgreSQL runs under another user, who has to get there.
    await chmod(folder, 0o711);
    const passphrase = ['--passphrase-file', join(folder, 'passphrase')];
    await writeFile(join(folder, 'passphrase'), 'a good passphrase\n');
    const url = `http://127.0.0.1:${await freePort()}`;
    const env = {
      DCP_DATA_DIR: join(folder, 'data'),
      DCP_PORT: new URL(url).port,
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '100',
    };
    node = await spawnService({ script: HOME_NODE, env, ready: /Ctrl-C/ });
    for (const who of ['owner', 'bob']) {
      await dcp(who, 'identity', 'create', who, '--node', url, ...passphrase, '--kdf', 'pbkdf2');
      await dcp(who, 'login', ...passphrase);
      await dcp(who, 'join', 'general');
    }
    bob = (JSON.parse((await dcp('bob', 'whoami', '--json')).out) as { user_id: string }).user_id;
  });

  afterAll(async () => {
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('rates nodes', async () => {
    expect(await trust('levels')).toContain('every node is unknown');
    expect(await trust('set', 'a7f3k9m2', 'monitored')).toContain('a7f3k9m2 is monitored now.');
    expect(await trust('levels')).toMatch(/a7f3k9m2\s+monitored/);
    expect((await dcp('owner', 'trust', 'set', 'a7f3k9m2', 'loved')).code).toBe(2);
    expect((await dcp('bob', 'trust', 'levels')).err).toContain('Action not allowed');
  });

  it('[DCP-10.3-05] bans a user for a time and takes it back; he cannot write meanwhile', async () => {
    expect((await dcp('bob', 'send', 'general', 'hello')).out).toMatch(/Sent/);
    expect(await trust('ban', bob, '--for', '7d', '--reason', 'spam', '--note', 'ads')).toMatch(/is banned until 20/);
    await eventually(async () => expect((await dcp('bob', 'send', 'general', 'hello')).code).toBe(1), 60_000);
    expect(await trust('log', '--of', bob)).toMatch(/temp_ban_user\s+\S+bob\S*\s+applied\s+20\S+\s+spam\s+ads/);
    expect(await trust('unban', bob)).toContain('1 decision(s) taken back.');
    await eventually(async () => expect((await dcp('bob', 'send', 'general', 'again')).code).toBe(0), 60_000);
    expect(await trust('log', '--nodes')).toMatch(/ok/);
    expect(await trust('review')).toContain('Nothing waits.');
  });

  it('exports and imports block lists', async () => {
    const list = join(folder, 'list.csv');
    await writeFile(list, `id,until\r\n${SPAMMER},\r\nb8x1n5p4,\r\nnot-an-id,\r\n`);
    expect(await trust('import', list, '--dry-run')).toMatch(
      /would be added: 2\n[^]*refused: 1\n\+ c9y2m7q1[^]*\? not-an-id/,
    );
    expect(await trust('import', list)).toMatch(/^added: 2\n/);
    expect(await trust('import', list)).toMatch(/^added: 0\nthere already: 2\n/);
    const file = join(folder, 'out.json');
    await trust('export', file);
    const { blocked } = JSON.parse(await readFile(file, 'utf8')) as { blocked: object[] };
    expect(blocked).toEqual([
      { id: 'b8x1n5p4', until: null },
      { id: SPAMMER, until: null },
    ]);
    expect(await trust('export', '--csv')).toContain(`\r\n${SPAMMER},\r\n`);
  });
});
