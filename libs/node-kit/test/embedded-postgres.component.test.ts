import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, cp, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.js';
import { packagedBinaries, reachableBinaries } from '../src/embedded-postgres/binaries.js';
import { postgresUser } from '../src/embedded-postgres/process-user.js';
import { copyOf, gone, newFolder, query, removeFolders, spawnOwner } from './running.js';

const running: EmbeddedPostgres[] = [];

async function start(dataDir: string, more: object = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, fast: true, ...more });
  running.push(server);
  return server;
}

// Creating a cluster takes a second: tests that are not about that begin with a copy.
let cluster = '';

beforeAll(async () => {
  cluster = await mkdtemp(join(tmpdir(), 'dcp-cluster-'));
  await chmod(cluster, 0o711);
  await (await startEmbeddedPostgres({ dataDir: cluster, fast: true })).stop();
});
afterAll(() => rm(cluster, { recursive: true }));

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.stop()));
  await removeFolders();
});

const remember = (url: string) => query(url, "CREATE TABLE kept AS SELECT 'here' AS value");
const recall = (url: string) => query<{ value: string }>(url, 'SELECT value FROM kept');

describe('embedded PostgreSQL', () => {
  it('keeps its data from one start to the next, on TCP and on its socket', async () => {
    const dataDir = await newFolder();
    const first = await start(dataDir, { fast: false });
    await remember(first.adminUrl);
    await first.stop();
    const second = await start(dataDir);
    expect(await recall(second.adminUrl)).toEqual([{ value: 'here' }]);
    expect(await recall(second.adminSocketUrl as string)).toEqual([{ value: 'here' }]);
  });

  it('is durable by default, and only then', async () => {
    const show = async (url: string) => (await query<{ fsync: string }>(url, 'SHOW fsync'))[0]?.fsync;
    const dataDir = await copyOf(cluster);
    const durable = await start(dataDir, { fast: false });
    expect(await show(durable.adminUrl)).toBe('on');
    await durable.stop();
    expect(await show((await start(dataDir)).adminUrl)).toBe('off');
  });

  it('demands the password, which only we can read', async () => {
    const dataDir = await copyOf(cluster);
    const { adminUrl } = await start(dataDir);
    const url = new URL(adminUrl);
    expect(url.password.length).toBeGreaterThan(30);
    expect((await readFile(join(dataDir, 'postgres-password'), 'utf8')).trim()).toBe(url.password);
    expect((await lstat(join(dataDir, 'postgres-password'))).mode & 0o777).toBe(0o600);
    for (const password of ['', 'wrong']) {
      url.password = password;
      await expect(query(url.href, 'SELECT 1')).rejects.toThrow(/password/);
    }
  });

  it('orders and folds all scripts without the locales of the machine', async () => {
    const { adminUrl } = await start(await copyOf(cluster));
    expect(await query(adminUrl, "SELECT lower('ÄÖŽΣ') AS low")).toEqual([{ low: 'äöžσ' }]);
  });

  it('refuses a second start on the same folder in words, and leaves the first alone', async () => {
    const dataDir = await copyOf(cluster);
    const first = await start(dataDir);
    await expect(start(dataDir)).rejects.toThrow(
      `Another PostgreSQL (process ${first.pid}) uses ${dataDir}/data already: a data folder serves one node at a time.`,
    );
    expect(await query(first.adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('lets one of two simultaneous first starts win', async () => {
    const dataDir = await newFolder();
    const results = await Promise.allSettled([start(dataDir), start(dataDir)]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(results.find(({ status }) => status === 'rejected')).toMatchObject({
      reason: { message: expect.stringContaining('Another PostgreSQL') },
    });
    expect((await readdir(dataDir)).sort()).toEqual(['data', 'postgres-password', 'run']);
  });

  it('starts again after kill -9 of the server, with what was committed', async () => {
    const dataDir = await copyOf(cluster);
    const first = await start(dataDir, { fast: false });
    await remember(first.adminUrl);
    process.kill(first.pid, 'SIGKILL');
    await first.ended;
    expect(await recall((await start(dataDir)).adminUrl)).toEqual([{ value: 'here' }]);
  });

  it('ends with its owner, even by kill -9', async () => {
    const dataDir = await newFolder();
    const owner = await spawnOwner(dataDir);
    await remember(owner.url);
    owner.process.kill('SIGKILL');
    await gone(owner.serverPid);
    expect(await recall((await start(dataDir)).adminUrl)).toEqual([{ value: 'here' }]);
  });

  it('waits for the server of an owner that was killed a moment ago', async () => {
    const dataDir = await copyOf(cluster);
    const owner = await spawnOwner(dataDir);
    await remember(owner.url);
    owner.process.kill('SIGKILL');
    expect(await recall((await start(dataDir)).adminUrl)).toEqual([{ value: 'here' }]);
  });

  it('starts again after kill -9 of everything at once', async () => {
    const dataDir = await copyOf(cluster);
    const owner = await spawnOwner(dataDir);
    await remember(owner.url);
    process.kill(owner.serverPid, 'SIGKILL');
    owner.process.kill('SIGKILL');
    expect(await recall((await start(dataDir)).adminUrl)).toEqual([{ value: 'here' }]);
  });

  it('is not held up by a stale lock whose process id belongs to another program by now', async () => {
    const dataDir = await copyOf(cluster);
    await (await start(dataDir)).stop();
    const { uid = process.getuid?.() ?? 0, gid = process.getgid?.() ?? 0 } = postgresUser() ?? {};
    const other = spawn('/bin/sleep', ['600'], { uid, gid, stdio: 'ignore' });
    try {
      await once(other, 'spawn');
      await writeFile(
        join(dataDir, 'data', 'postmaster.pid'),
        `${other.pid}\n${dataDir}/data\n1\n5432\n\n127.0.0.1\n\nready\n`,
      );
      expect(await query((await start(dataDir)).adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    } finally {
      other.kill('SIGKILL');
      await once(other, 'exit');
    }
  });

  it('says which port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    await expect(start(await copyOf(cluster), { port })).rejects.toThrow(`Port ${port} on 127.0.0.1 is taken`);
    taken.close();
  });

  it('says what is wrong with a folder of another version, or without its password', async () => {
    const dataDir = await copyOf(cluster);
    await (await start(dataDir)).stop();
    const version = join(dataDir, 'data', 'PG_VERSION');
    const content = await readFile(version);
    await writeFile(version, '15\n');
    await expect(start(dataDir)).rejects.toThrow('was made by PostgreSQL 15, and this node brings 18');
    await writeFile(version, content);
    await rename(join(dataDir, 'postgres-password'), join(dataDir, 'elsewhere'));
    await expect(start(dataDir)).rejects.toThrow('postgres-password is missing');
  });

  it('leaves no half-made cluster when it cannot be created', async () => {
    const dataDir = await newFolder();
    const broken = await newFolder();
    for (const part of ['bin', 'share/postgresql']) await mkdir(join(broken, part), { recursive: true });
    await writeFile(join(broken, 'bin', 'postgres'), '', { mode: 0o755 });
    await expect(start(dataDir, { binaries: { folder: broken, version: '18.4' } })).rejects.toThrow('could not create');
    expect(await readdir(dataDir)).toEqual(['postgres-password']);
    expect(await query((await start(dataDir)).adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('works below a long path, where no socket fits', async () => {
    const { adminUrl, adminSocketUrl } = await start(join(await newFolder(), 'x'.repeat(100)));
    expect(adminSocketUrl).toBeUndefined();
    expect(await query(adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});

// What differs as root: the server then runs as another user, which may be unable to enter our folders.
const asRoot = process.getuid?.() === 0;

describe(`embedded PostgreSQL, started ${asRoot ? 'as root' : 'without root'}`, () => {
  it('never runs as root', async () => {
    const dataDir = await copyOf(cluster);
    const { pid } = await start(dataDir);
    const owner = (await lstat(join(dataDir, 'data'))).uid;
    expect(owner).not.toBe(0);
    expect((await lstat(`/proc/${pid}`)).uid).toBe(owner);
  });

  it('takes over a folder that another user made', async () => {
    const dataDir = await copyOf(cluster);
    await (await start(dataDir)).stop();
    if (asRoot) await chownTree(join(dataDir, 'data'));
    expect(await query((await start(dataDir)).adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('says which folder is closed to PostgreSQL’s user, and what to do', async () => {
    const home = await newFolder();
    await chmod(home, 0o700);
    const starting = start(join(home, 'data'));
    if (asRoot) await expect(starting).rejects.toThrow(`cannot enter ${home}. Choose another data folder`);
    else expect(await query((await starting).adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  it('runs from a checkout below a private home folder (mode 700), from a copy that only root can write', async () => {
    const packaged = await packagedBinaries();
    const home = await newFolder();
    await cp(packaged.folder, join(home, 'native'), { recursive: true, verbatimSymlinks: true });
    await chmod(home, 0o700);
    const installRoot = await mkdtemp(asRoot ? '/var/lib/dcp-test-' : join(await newFolder(), 'unused-'));
    await chmod(installRoot, 0o755);
    const hidden = { binaries: { ...packaged, folder: join(home, 'native') }, installRoot };
    try {
      const [first, second] = await Promise.all([
        start(await copyOf(cluster), hidden),
        start(await copyOf(cluster), hidden),
      ]);
      for (const { adminUrl } of [first, second])
        expect(await query(adminUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
      const copies = await readdir(installRoot);
      expect(copies).toEqual(asRoot ? [`postgres-${packaged.version}-${process.platform}-${process.arch}`] : []);
      await Promise.all(running.splice(0).map((server) => server.stop()));
    } finally {
      await rm(installRoot, { recursive: true });
    }
  });

  it('does not run what others than root could have put there', async () => {
    const packaged = { folder: await newFolder(), version: '1.0.0' };
    await chmod(packaged.folder, 0o700);
    const user = { name: 'nobody', uid: 65_534, gid: 65_534 };
    const worldWritable = await newFolder();
    await chmod(worldWritable, 0o777);
    await expect(reachableBinaries(packaged, asRoot ? user : { ...user, uid: -1 }, worldWritable)).rejects.toThrow(
      'may be changed by others than root',
    );
  });
});

async function chownTree(path: string): Promise<void> {
  for (const entry of await readdir(path, { recursive: true })) await chown(join(path, entry), 1, 1);
  await chown(path, 1, 1);
}
