import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { fromBase64, NodeRoot, nodePostQuantumKey, nodeTokenKey, toUtf8 } from '@dcp/crypto';
import { eventually, type SoftHsm, startSoftHsm } from '@dcp/testkit';
import { ended, filesWith, hsm } from './support/hsm.js';
import { type Person, resident, texts } from './support/person.js';
import { TestNode } from './support/test-node.js';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const GUARD_MS = 60_000;

jest.setTimeout(240_000);

describe('a node whose key is moved into an HSM', () => {
  let folder: string;
  let token: SoftHsm;
  let north: TestNode;
  let south: TestNode;
  let alice: Person;
  let bob: Person;
  let seed: Uint8Array;

  const data = (file = '') => join(folder, 'northnod', file);
  const secrets = async () => JSON.parse(await readFile(data('secrets.json'), 'utf8')) as Record<string, string>;
  const document = async () => {
    const answer = await fetch(`http://127.0.0.1:${north.port}/.well-known/dcp/node.json`);
    return (await answer.json()) as { id: string; keys: string[] };
  };
  /** Everything that may not lie open anywhere: the key, what stands for it, and what is made of it. */
  const all = () => {
    const root = NodeRoot.ofSeed(seed);
    const derived = [
      nodeTokenKey(root).seed,
      nodePostQuantumKey(root).seed.reveal(),
      root.derive('DCP-FEDERATION-TLS-V1'),
    ];
    return [seed, root.secret.reveal(), toUtf8(token.pin), ...derived];
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-hsm-import-'));
    await chmod(folder, 0o711);
    token = await startSoftHsm(join(folder, 'hsm'));
    [north, south] = [
      await TestNode.make(folder, 'northnod', { DCP_LOG_LEVEL: 'trace' }),
      await TestNode.make(folder, 'southnod'),
    ];
    await Promise.all([north.start(south), south.start(north)]);
    [alice, bob] = [await resident(north, 'alice'), await resident(south, 'bob')];
    seed = fromBase64((await secrets())['nodeKey'] ?? '');
  });
  afterAll(async () => {
    for (const person of [alice, bob]) await person?.client.disconnect();
    for (const node of [north, south]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps id, both keys and sessions, and others notice nothing', async () => {
    const { channelId } = await alice.client.create('#hall');
    await bob.client.join('#hall@northnod');
    await alice.client.sendAndWait(channelId, { text: 'before' });
    await eventually(() => expect(texts(bob, channelId)).toEqual(['before']), GUARD_MS);
    const before = await document();
    const over: unknown[] = [];
    alice.client.events.on('ended', ({ error }) => over.push(error));
    await north.process?.stop();
    // The search finds what is there: the seed is in one file.
    expect(await filesWith(data(), [seed])).toEqual([data('secrets.json')]);

    const moved = await hsm(token.env, 'import', '--data', data());
    expect(moved).toMatchObject({ code: 0, output: expect.stringContaining(before.keys[0] ?? 'no key') });
    const again = await hsm(token.env, 'import', '--data', data());
    expect(again).toMatchObject({ code: 1, output: expect.stringContaining('There is no node key in') });

    north = north.with(token.env);
    await north.start(south);
    const after = await document();
    expect([after.id, after.keys]).toEqual([before.id, before.keys]);
    await eventually(() => expect(alice.client.state).toBe('online'), GUARD_MS);
    expect(over).toEqual([]);
    await alice.client.sendAndWait(channelId, { text: 'after' });
    await bob.client.sendAndWait(channelId, { text: 'I see you' });
    for (const person of [alice, bob])
      await eventually(() => expect(texts(person, channelId)).toEqual(['before', 'after', 'I see you']), GUARD_MS);
  });

  it('leaves nothing secret in its folder or in what it prints', async () => {
    await north.process?.stop();
    const printed = north.process?.output() ?? '';
    expect(printed).toContain('home node is up');
    expect(await filesWith(data(), all())).toEqual([]);
    for (const secret of all()) {
      const bytes = Buffer.from(secret);
      for (const form of [bytes.toString(), bytes.toString('base64'), bytes.toString('hex')])
        expect(printed).not.toContain(form);
    }
    expect(await secrets()).toEqual({ passwords: expect.anything() });
  });

  it('does not start without the HSM, and makes no other key', async () => {
    const { DCP_DATA_DIR, ...env } = { DCP_DATA_DIR: data(), DCP_PORT: '0', DCP_HEALTH_PORT: '0' };
    const start = await ended(MAIN, { ...env, DCP_DATA_DIR });
    expect(start).toMatchObject({ code: 78, output: expect.stringContaining('this node has it in an HSM') });
    expect(await secrets()).toEqual({ passwords: expect.anything() });
  });
});
