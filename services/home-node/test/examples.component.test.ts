import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const EXAMPLES = join(import.meta.dirname, '..', '..', '..', 'libs', 'client-sdk', 'examples');

jest.setTimeout(120_000);

/** What the SDK's documentation shows, run as it stands against a node of its own. */
describe('examples of the client SDK', () => {
  let folder: string;
  let node: SpawnedService;
  let endpoint: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-examples-'));
    await chmod(folder, 0o711);
    const port = await freePort();
    endpoint = `ws://127.0.0.1:${port}`;
    const env = { DCP_DATA_DIR: join(folder, 'data'), DCP_PORT: String(port), DCP_HEALTH_PORT: '0', DCP_DRAIN_MS: '0' };
    node = await spawnService({ script: MAIN, env, ready: /Ctrl-C/ });
  });

  afterAll(async () => {
    // In good order: its database writes on for a moment when it is killed.
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const run = async (example: string) => {
    const { stdout } = await promisify(execFile)(process.execPath, [join(EXAMPLES, example), endpoint], {
      env: { PATH: process.env['PATH'], TMPDIR: folder },
      timeout: 60_000,
    });
    return stdout.trim().split('\n');
  };

  it('[DCP-15.1-01] [DCP-9.2-04] two people: a DM, a safety number, a private channel', async () => {
    expect(await run('two-people.mjs')).toEqual([
      'bob hears: Hello Bob',
      'same number: true',
      'bob is invited to: #plans',
      'alice hears: What are the plans?',
    ]);
  });

  it('[DCP-12.3-06] [DCP-12.3-07] devices: history on the second, search, revocation', async () => {
    expect(await run('devices.mjs')).toEqual([
      'the laptop reads: The key is under the mat',
      'and finds: The key is under the mat',
      'the laptop is out',
    ]);
  });
});
