import { execFile, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const CLI = join(import.meta.dirname, '..', 'dist', 'main.js');
const HOME_NODE = join(import.meta.dirname, '..', '..', '..', 'services', 'home-node', 'dist', 'main.js');

// Each step is a process of its own.
jest.setTimeout(180_000);

describe('dcp on the command line', () => {
  let folder: string;
  let node: SpawnedService;
  let url: string;

  const dcp = (profile: string, ...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], DCP_HOME: join(folder, 'profiles'), DCP_PROFILE: profile };
      const child = execFile(process.execPath, [CLI, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
      child.stdin?.end('from standard input\n');
    });

  const json = async (profile: string, ...args: string[]) => {
    const { code, out, err } = await dcp(profile, ...args, '--json');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return JSON.parse(out) as Record<string, unknown>;
  };

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-cli-'));
    // As root PostgreSQL runs under another user, who has to get there.
    await chmod(folder, 0o711);
    await writeFile(join(folder, 'passphrase'), 'a good passphrase\n');
    url = `http://127.0.0.1:${await freePort()}`;
    const env = {
      DCP_DATA_DIR: join(folder, 'data'),
      DCP_PORT: new URL(url).port,
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '100',
    };
    node = await spawnService({ script: HOME_NODE, env, ready: /Ctrl-C/ });
  });

  afterAll(async () => {
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('two people make identities, log in, join #general and talk live', async () => {
    const secret = ['--passphrase-file', join(folder, 'passphrase')];
    for (const who of ['alice', 'bob']) {
      const made = await json(who, 'identity', 'create', who, '--node', url, ...secret, '--kdf', 'pbkdf2');
      expect(made).toMatchObject({ user_id: expect.stringContaining(`.${who}-`), status: 'active' });
      const { code } = await dcp(who, 'login', ...secret);
      expect(code).toBe(0);
      expect(await json(who, 'join', 'general')).toMatchObject({ channel: '#general' });
    }
    const env = { PATH: process.env['PATH'], DCP_HOME: join(folder, 'profiles'), DCP_PROFILE: 'bob' };
    const tail = spawn(process.execPath, [CLI, 'tail', '#general', '--count', '2'], { env });
    const heard: string[] = [];
    const online = new Promise<void>((resolve) =>
      tail.stderr.on('data', (text: Buffer) => String(text).includes('online') && resolve()),
    );
    tail.stdout.on('data', (text: Buffer) => heard.push(String(text)));
    const ended = new Promise((resolve) => tail.on('exit', resolve));
    await online;
    expect(await json('alice', 'send', '#general', 'Hello', 'Bob')).toMatchObject({ state: 'ordered' });
    expect((await dcp('alice', 'send', 'general', '-')).out).toMatch(/Sent/);
    expect(await ended).toBe(0);
    expect(heard.join('')).toMatch(/#general alice-\w+: Hello Bob\n.*from standard input\n/s);
    const history = (await dcp('bob', 'history', '#general')).out;
    expect(history).toMatch(/joined #general[\s\S]*Hello Bob/);
  });

  it('keeps its profile to its user', async () => {
    const profile = join(folder, 'profiles', 'alice');
    for (const where of [profile, join(profile, 'client')]) {
      expect((await stat(where)).mode & 0o777).toBe(0o700);
      for (const file of await readdir(where, { withFileTypes: true }))
        if (file.isFile()) expect((await stat(join(where, file.name))).mode & 0o777).toBe(0o600);
    }
  });

  it('creates, lists and leaves channels, shows sessions, devices and identity', async () => {
    expect(await json('alice', 'create', '#development/rust-help', '--title', 'Rust', '--readable')).toMatchObject({
      channel: '#development/rust-help',
    });
    expect((await dcp('bob', 'channels')).out).toMatch(/#development\/rust-help\s+1\s+readable by the node\s+Rust/);
    expect((await dcp('bob', 'join', '#development/rust-help')).code).toBe(0);
    expect((await dcp('bob', 'leave', '#development/rust-help')).code).toBe(0);
    expect(await json('alice', 'whoami')).toMatchObject({ admin: true });
    expect((await dcp('alice', 'sessions')).out).toMatch(/\* {2}ses_/);
    expect((await dcp('alice', 'identity', 'show')).out).toMatch(/key\s+ed25519:/);
  });

  const userOf = async (profile: string) => String((await json(profile, 'whoami'))['user_id']);

  it('[DCP-9.2-04] [DCP-9.2-05] two people write to each other, and nobody but them can read it', async () => {
    const [alice, bob] = [await userOf('alice'), await userOf('bob')];
    expect((await dcp('alice', 'dm', bob, 'Hello', 'Bob')).out).toMatch(/Sent/);
    expect((await dcp('bob', 'history', `@${alice}`)).out).toMatch(/@\S+ alice-\w+: Hello Bob/);
    expect((await dcp('bob', 'dm', alice, 'Hello Alice')).out).toMatch(/Sent/);
    expect((await dcp('alice', 'history', `@${bob}`)).out).toMatch(/Hello Bob\n.*bob-\w+: Hello Alice/);
    const raw = await readFile(join(folder, 'profiles', 'alice', 'client', 'store.log'), 'utf8');
    expect(raw).not.toContain('Hello');
    expect((await dcp('alice', 'search', 'hello', 'al')).out).toMatch(/Hello Alice/);
  });

  it('[DCP-9.2-02] [DCP-9.2-03] a private channel: invited, by link, put out', async () => {
    const secret = ['--passphrase-file', join(folder, 'passphrase')];
    await json('carol', 'identity', 'create', 'carol', '--node', url, ...secret, '--kdf', 'pbkdf2');
    await dcp('carol', 'login', ...secret);
    const [bob, carol] = [await userOf('bob'), await userOf('carol')];
    expect((await dcp('alice', 'create', '#plans', '--private')).out).toMatch(/encrypted end to end/);
    expect((await dcp('carol', 'join', '#plans')).err).toContain('does not exist');
    expect((await dcp('alice', 'invite', '#plans', bob)).code).toBe(0);
    expect((await dcp('bob', 'invitations')).out).toMatch(/#plans\s+\S+alice/);
    expect((await dcp('bob', 'join', '#plans')).code).toBe(0);
    await dcp('alice', 'send', '#plans', 'before carol');
    const link = await json('alice', 'invite', '#plans', '--link');
    expect((await dcp('carol', 'join', String(link['url']))).code).toBe(0);
    await dcp('alice', 'send', '#plans', 'with carol');
    expect((await dcp('carol', 'history', '#plans')).out).toMatch(/cannot be read yet[^]*alice-\w+: with carol/);
    expect((await dcp('bob', 'history', '#plans')).out).toMatch(/before carol[^]*with carol/);
    expect((await dcp('alice', 'members', '#plans')).out).toMatch(/owner[^]*member[^]*member/);
    expect((await dcp('alice', 'kick', '#plans', carol)).code).toBe(0);
    expect((await dcp('carol', 'history', '#plans')).code).toBe(1);
    expect((await dcp('bob', 'channels')).out).not.toContain('#plans');
    expect((await dcp('bob', 'channels', '--mine')).out).toMatch(/#plans\s+private\s+end-to-end/);
  });

  it('[DCP-12.3-06] [DCP-12.3-07] a second device by passphrase or code reads the history, until it is revoked', async () => {
    const secret = ['--passphrase-file', join(folder, 'passphrase')];
    const bob = await userOf('bob');
    await dcp('alice', 'send', '#plans', 'for all devices');
    await dcp('bob', 'history', '#plans');
    expect((await dcp('bob', 'backup')).out).toMatch(/up to date/);
    const fetched = ['identity', 'fetch', bob, '--node', url, ...secret];
    expect((await dcp('laptop', ...fetched)).err).toContain('--allow-pbkdf2');
    expect((await dcp('laptop', ...fetched, '--allow-pbkdf2')).code).toBe(0);
    expect((await dcp('laptop', 'login', '--device-name', 'laptop', ...secret)).code).toBe(0);
    expect((await dcp('laptop', 'history', '#plans')).out).toMatch(/before carol[^]*for all devices/);
    const { code } = await json('bob', 'identity', 'qr');
    await writeFile(join(folder, 'code'), String(code));
    expect((await dcp('tablet', 'identity', 'import', join(folder, 'code'))).out).toContain(bob);
    const laptop = String((await json('laptop', 'whoami'))['device']);
    expect((await dcp('alice', 'devices', '--of', bob)).out).toContain(laptop);
    expect((await dcp('bob', 'devices', 'revoke', laptop, ...secret)).code).toBe(0);
    expect((await dcp('laptop', 'whoami')).code).toBe(4);
    expect((await dcp('alice', 'devices', '--of', bob)).out).not.toContain(laptop);
  });

  it('safety numbers are the same on both sides, and stay confirmed', async () => {
    const [alice, bob] = [await userOf('alice'), await userOf('bob')];
    const [hers, his] = [await json('alice', 'verify', bob), await json('bob', 'verify', alice)];
    expect(hers['safety_number']).toBe(his['safety_number']);
    expect(String(hers['safety_number']).replaceAll(' ', '')).toMatch(/^\d{60}$/);
    expect(await json('alice', 'verify', bob, '--confirm')).toMatchObject({ verified: true });
    expect(await json('alice', 'verify', bob)).toMatchObject({ verified: true });
  });

  it('[DCP-12.3-03] exports the identity, changes its passphrase: the old one opens nothing, other sessions end', async () => {
    const copy = join(folder, 'alice.json');
    expect((await dcp('alice', 'identity', 'export', copy)).code).toBe(0);
    expect(JSON.parse(await readFile(copy, 'utf8'))).toMatchObject({
      version: '1.0',
      encrypted_data: expect.any(String),
    });
    await writeFile(join(folder, 'new'), 'another good passphrase\n');
    const change = [
      'identity',
      'passphrase',
      '--passphrase-file',
      join(folder, 'passphrase'),
      '--new-passphrase-file',
      join(folder, 'new'),
    ];
    const secret = ['--passphrase-file', join(folder, 'passphrase')];
    expect((await dcp('alice-too', 'identity', 'import', copy)).code).toBe(0);
    expect((await dcp('alice-too', 'login', ...secret)).code).toBe(0);
    expect((await dcp('alice', 'sessions')).out.match(/ses_/g)?.length).toBeGreaterThan(1);
    expect((await dcp('alice', ...change)).out).toContain('log in again');
    // [DCP-12.3-03] A new passphrase is a security event.
    expect((await dcp('alice', 'sessions')).out.match(/ses_/g)).toHaveLength(1);
    const again = await dcp('alice', ...change);
    expect(again).toMatchObject({ code: 1, err: 'dcp: Wrong passphrase.\n' });
  });

  it('says what is wrong and what to do, with exit codes for scripts', async () => {
    expect(await dcp('nobody', 'whoami')).toMatchObject({
      code: 4,
      err: expect.stringContaining('dcp identity create'),
    });
    expect(await dcp('bob', 'send', '#nowhere', 'x')).toMatchObject({
      code: 1,
      err: expect.stringContaining('dcp channels'),
    });
    expect((await dcp('bob', 'send')).code).toBe(1);
    const { err } = await dcp('bob', 'join', '#Bad Name', '--json');
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'INVALID_CHANNEL_NAME' } });
    expect((await dcp('bob', 'doctor')).out).toMatch(/ok\s+socket/);
  });

  it('what others write cannot command the terminal', async () => {
    await dcp('alice', 'send', '#general', '\u001b[2Jcleared\u0007');
    const { out } = await dcp('bob', 'history', '#general', '--limit', '1');
    expect(out).toContain('cleared');
    for (const control of ['\u0007', '\u001b']) expect(out).not.toContain(control);
  });

  it('without a node it says so, and doctor finds it', async () => {
    await node.stop();
    const doctor = await dcp('bob', 'doctor');
    expect(doctor.code).toBe(1);
    expect(doctor.out).toMatch(/FAULT\s+node/);
    expect(await dcp('bob', 'whoami')).toMatchObject({ code: 3, err: expect.stringContaining('Cannot reach') });
  });
});
