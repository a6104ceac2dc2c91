import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { eventually, freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const CLI = join(import.meta.dirname, '..', 'dist', 'main.js');
const HOME_NODE = join(import.meta.dirname, '..', '..', '..', 'services', 'home-node', 'dist', 'main.js');

// Each step is a process of its own.
jest.setTimeout(180_000);

describe('dcp report on the command line', () => {
  let folder: string;
  let node: SpawnedService;
  let [mallory, alice] = ['', ''];

  const dcp = (profile: string, ...args: string[]) =>
    new Promise<{ code: number; out: string; err: string }>((resolve) => {
      const env = { PATH: process.env['PATH'], DCP_HOME: join(folder, 'profiles'), DCP_PROFILE: profile };
      execFile(process.execPath, [CLI, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  const done = async (profile: string, ...args: string[]) => {
    const { code, out, err } = await dcp(profile, ...args);
    expect({ args, code, err }).toEqual({ args, code: 0, err: code === 0 ? err : '' });
    return out;
  };
  const json = async <T>(profile: string, ...args: string[]) => JSON.parse(await done(profile, ...args, '--json')) as T;
  const send = async (who: string, to: string, text: string) =>
    (await json<{ message_id: string }>(who, 'send', to, text)).message_id;
  /** Until alice has read it on her device, and its key is used up there. */
  const read = (channel: string, text: string) =>
    eventually(async () => expect(await done('alice', 'history', channel)).toContain(text), 60_000);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-cli-report-'));
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
    for (const who of ['owner', 'alice', 'mallory']) {
      await done(who, 'identity', 'create', who, '--node', url, ...passphrase, '--kdf', 'pbkdf2');
      await done(who, 'login', ...passphrase);
      await done(who, 'join', 'general');
    }
    const idOf = async (who: string) => (await json<{ user_id: string }>(who, 'whoami')).user_id;
    [mallory, alice] = [await idOf('mallory'), await idOf('alice')];
  });

  afterAll(async () => {
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('an encrypted message, by its own key: those who run the node read it, and that it is true', async () => {
    // Her device is known, and has keys, before anybody writes to her.
    await done('alice', 'history', 'general');
    const first = await send('mallory', alice, 'a harmless first word');
    const id = await send('mallory', alice, 'I know where you live');
    await read(mallory, 'I know where you live');
    const said = await done('alice', 'report', mallory, id, '--reason', 'threat', '--note', 'please help');
    expect(said).toContain('They see this message, and that its author wrote it.');
    const review = await done('owner', 'trust', 'review');
    expect(review).toMatch(/REPORT rep_\S+ {2}threat {2}verified\n/);
    expect(review).toContain(`about  ${mallory}`);
    expect(review).toContain(`by     ${alice}: please help`);
    expect(review).toContain('wrote  I know where you live');
    expect(review).not.toContain('a harmless first word');
    expect((await dcp('mallory', 'trust', 'review')).err).toContain('Action not allowed');
    expect(first).not.toBe(id);
  });

  it('a readable message needs no key; there is no report of what is not there', async () => {
    const id = await send('mallory', 'general', 'buy now');
    expect(await done('alice', 'report', 'general', id, '--reason', 'spam')).toContain('that its author wrote it');
    const none = await dcp('alice', 'report', 'general', 'msg_aaaaaaaaaaaaaaaa', '--reason', 'spam');
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('shows you no such message')]);
    expect((await dcp('alice', 'report', 'general', id)).err).toContain('--reason');
  });

  it('is dismissed, or settled by a decision, which publishes it only when it is told to', async () => {
    const { reports } = await json<{ reports: { id: string; reason: string }[] }>('owner', 'trust', 'review');
    const [spam, threat] = reports.map(({ id }) => id) as [string, string];
    expect(reports.map(({ reason }) => reason)).toEqual(['spam', 'threat']);
    expect(await done('owner', 'trust', 'dismiss', spam)).toContain('1 report(s) closed');
    const alone = await dcp('owner', 'trust', 'ban', mallory, '--with-proof');
    expect([alone.code, alone.err]).toEqual([2, expect.stringContaining('add --report')]);
    const ban = await done('owner', 'trust', 'ban', mallory, '--for', '7d', '--report', threat, '--with-proof');
    expect(ban).toMatch(/is banned until 20[^(]+\([^)]+\)\.\n$/);
    expect(await done('owner', 'trust', 'review')).toContain('Nothing waits.');
    const log = () =>
      json<{ decisions: { evidence: object; evidence_verified: boolean; proven: object }[] }>(
        'owner',
        'trust',
        'log',
        '--of',
        mallory,
      );
    await eventually(async () => {
      const [decision] = (await log()).decisions;
      expect(decision).toMatchObject({
        evidence: { type: 'threat', proof: { key: expect.any(String) } },
        evidence_verified: true,
        proven: { author: mallory, content: { text: 'I know where you live' } },
      });
    }, 60_000);
  });
});
