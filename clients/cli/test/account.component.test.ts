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

describe('dcp account move', () => {
  let folder: string;
  const nodes: SpawnedService[] = [];
  const ports: Record<string, number> = {};
  const users: Record<string, string> = {};

  const dcp = (profile: string, ...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], DCP_HOME: join(folder, 'profiles'), DCP_PROFILE: profile };
      execFile(process.execPath, [CLI, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  const passphrase = () => ['--passphrase-file', join(folder, 'passphrase')];
  const move = (...more: string[]) =>
    dcp('anna', 'account', 'move', users['next'] ?? '', '--to-profile', 'next', ...passphrase(), ...more);
  const newPassphrase = () => ['--new-passphrase-file', join(folder, 'passphrase')];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-cli-account-'));
    // As root PostgreSQL runs under another user, who has to get there.
    await chmod(folder, 0o711);
    await writeFile(join(folder, 'passphrase'), 'a good passphrase\n');
    await writeFile(join(folder, 'other'), 'another passphrase\n');
    for (const id of ['northnod', 'southnod']) ports[id] = await freePort();
    await Promise.all([start('northnod', 'southnod'), start('southnod', 'northnod')]);
    for (const [profile, node] of [
      ['anna', 'northnod'],
      ['bob', 'northnod'],
      ['next', 'southnod'],
    ] as const)
      users[profile] = await signUp(profile, node);
  });

  afterAll(async () => {
    for (const node of nodes) await node.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(id: string, known: string): Promise<void> {
    const file = join(folder, `${id}.json`);
    const endpoint = `ws://127.0.0.1:${ports[known]}`;
    await writeFile(
      file,
      JSON.stringify({ known_nodes: [{ id: known, endpoint, name: known, trust_level: 'trusted' }] }),
    );
    const env = {
      DCP_NODE_ID: id,
      DCP_DATA_DIR: join(folder, id),
      DCP_PORT: String(ports[id]),
      DCP_FEDERATION_PORT: String(await freePort()),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '0',
      DCP_KNOWN_NODES_FILE: file,
    };
    nodes.push(await spawnService({ script: HOME_NODE, env, ready: /Ctrl-C/, guardMs: 60_000 }));
  }

  async function signUp(profile: string, node: string): Promise<string> {
    const url = `http://127.0.0.1:${ports[node]}`;
    await dcp(profile, 'identity', 'create', 'anna', '--node', url, ...passphrase(), '--kdf', 'pbkdf2');
    expect((await dcp(profile, 'login', ...passphrase())).err).not.toMatch(/^dcp:/m);
    return String(JSON.parse((await dcp(profile, 'whoami', '--json')).out).user_id);
  }

  it('says in its help what it does and what it cannot undo', async () => {
    const { out } = await dcp('anna', 'account', 'move', '--help');
    expect(out).toMatch(/--to-profile <name>/);
    expect(out).toMatch(/cannot be taken back/);
  });

  it('does nothing without the right account, its passphrase and its device', async () => {
    const wrong = await dcp('anna', 'account', 'move', users['bob'] ?? '', '--to-profile', 'next', ...passphrase());
    expect(wrong).toMatchObject({ code: 2, err: expect.stringContaining(`is ${users['next']}, not ${users['bob']}`) });
    expect(await move('--new-passphrase-file', join(folder, 'other'))).toMatchObject({
      code: 1,
      err: 'dcp: Wrong passphrase.\n',
    });
    expect((await dcp('anna', 'account', 'move', 'x', '--to-profile', 'nobody')).code).toBe(4);
    expect((await dcp('anna', 'account', 'move', users['next'] ?? '')).err).toMatch(/to-profile/);
    expect((await dcp('bob', 'whois', users['anna'] ?? '')).out).not.toMatch(/moved to/);
  });

  it('moves, joins what it can, and says what is left', async () => {
    await dcp('bob', 'create', '#lobby');
    await dcp('anna', 'join', '#lobby');
    await dcp('bob', 'create', '#plans', '--private');
    await dcp('bob', 'invite', '#plans', users['anna'] ?? '');
    await dcp('anna', 'join', '#plans');
    await dcp('bob', 'dm', users['anna'] ?? '', 'hi');
    const { code, out, err } = await move(...newPassphrase());
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain(`${users['anna']} goes on as ${users['next']}.`);
    expect(out).toMatch(/^Joined: #lobby@northnod$/m);
    expect(out).toMatch(/^A member has to invite you to: #plans$/m);
    expect(out).toContain(`They find you when they write to you: ${users['bob']}`);
    const again = JSON.parse((await move(...newPassphrase(), '--json')).out) as object;
    expect(again).toMatchObject({
      moved_to: { to: users['next'] },
      joined: [],
      need_invitation: [{ channel: '#plans' }],
    });
  });

  it('others see where, and write there', async () => {
    expect((await dcp('bob', 'whois', `@${users['anna']}`)).out).toMatch(
      new RegExp(`^moved to +${users['next']}$`, 'm'),
    );
    const { out } = await dcp('bob', 'dm', users['anna'] ?? '');
    expect(out).toContain(`${users['anna']} has moved to ${users['next']}. @${users['next']} is open.`);
    const invite = await dcp('bob', 'invite', '#plans', users['anna'] ?? '');
    expect(invite).toMatchObject({ code: 1, err: expect.stringContaining(`dcp whois ${users['anna']}`) });
    const sent = await dcp('bob', 'dm', users['anna'] ?? '', 'there you are');
    expect(sent.out).toMatch(/Sent/);
    expect(sent.err).toContain(`-- ${users['anna']} has moved to ${users['next']}`);
    // What was written before stays where it was.
    const before = (await dcp('bob', 'history', `@${users['anna']}`)).out;
    expect(before).toMatch(/: hi$/m);
    expect(before).not.toMatch(/there you are/);
    expect((await dcp('next', 'history', `@${users['bob']}`)).out).toMatch(/there you are/);
  });
});
