import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { defaultNodeId, parseKey, toUtf8 } from '@dcp/crypto';
import { eventually, freePort, type SoftHsm, startSoftHsm } from '@dcp/testkit';
import { ended, filesWith, hsm } from './support/hsm.js';
import { type Person, resident, texts } from './support/person.js';
import { TestNode } from './support/test-node.js';

const CLI = join(import.meta.dirname, '..', '..', '..', 'clients', 'cli', 'dist', 'main.js');
const GUARD_MS = 60_000;

jest.setTimeout(240_000);

interface Document {
  id: string;
  keys: string[];
  rotations?: { from: string; to: string }[];
}

describe('a home node whose key lies in an HSM', () => {
  let folder: string;
  let token: SoftHsm;
  let made: { code: number; output: string };
  let north: TestNode;
  let south: TestNode;
  let alice: Person;
  let bob: Person;
  let channelId: string;
  let health: string;
  const printed: string[] = [];
  const expected: string[] = [];

  const data = (file = '') => join(folder, 'hsm-north', file);
  const document = async () => {
    const answer = await fetch(`http://127.0.0.1:${north.port}/.well-known/dcp/node.json`);
    return (await answer.json()) as Document;
  };
  const readiness = async () => {
    const answer = await fetch(`${health}/readyz`);
    return { status: answer.status, ...((await answer.json()) as { checks: Record<string, string> }) };
  };
  const metric = async (name: string) => {
    const text = await (await fetch(`${health}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(name))
        ?.split(' ')
        .at(-1) ?? 0,
    );
  };
  const failedSignatures = () => metric('dcp_node_hsm_signatures_total{result="failed"');
  /** An entry of the trust log: the node signs it. */
  const ban = (target: string) => {
    const evidence = { type: 'spam', messages: ['msg_1'], timestamp: new Date().toISOString() };
    const body = { action: 'ban_user', target, evidence };
    return alice.client.call('/admin/trust/decisions', { method: 'POST', body });
  };
  const stop = async () => {
    printed.push(north.process?.output() ?? '');
    await north.process?.stop();
  };
  /** Each says something, and both have read everything. */
  const talk = async (round: string) => {
    for (const person of [alice, bob]) {
      const text = `${round} of ${person.userId}`;
      expected.push(text);
      await person.client.sendAndWait(channelId, { text });
      for (const reader of [alice, bob])
        await eventually(() => expect(texts(reader, channelId)).toEqual(expected), GUARD_MS);
    }
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-hsm-'));
    await chmod(folder, 0o711);
    token = await startSoftHsm(join(folder, 'hsm'));
    made = await hsm(token.env, 'init', '--data', data());
    if (made.code !== 0) throw new Error(made.output);
    const id = /The id of the node is (\w{8})/.exec(made.output)?.[1] ?? '';
    const port = await freePort();
    health = `http://127.0.0.1:${port}`;
    const env = { ...token.env, DCP_HEALTH_PORT: String(port), DCP_LOG_LEVEL: 'trace' };
    // The id is given to neither: it follows from the key.
    north = await TestNode.make(folder, id, { ...env, DCP_NODE_ID: '', DCP_DATA_DIR: data() });
    south = await TestNode.make(folder, 'southnod');
    await Promise.all([north.start(south), south.start(north)]);
    [alice, bob] = [await resident(north, 'alice'), await resident(south, 'bob')];
    ({ channelId } = await alice.client.create('#hall'));
    await bob.client.join(`#hall@${north.id}`);
  });
  afterAll(async () => {
    for (const person of [alice, bob]) await person?.client.disconnect();
    for (const node of [north, south]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('has the id of that key, and what it signs is believed by a node that never heard of HSMs', async () => {
    expect(made.code).toBe(0);
    const { id, keys } = await document();
    expect(made.output).toContain(`made the key of the node: ${keys[0]}`);
    expect(id).toBe(defaultNodeId(parseKey(keys[0] ?? '').bytes));
    expect(keys[1]).toMatch(/^ml-dsa-65:/);
    await talk('first');
    expect(await metric('dcp_node_hsm_signatures_total{result="ok"')).toBeGreaterThan(0);
    expect(await failedSignatures()).toBe(0);
  });

  it('is the same after a restart, and init finds what it made', async () => {
    const before = await document();
    await stop();
    const again = await hsm(token.env, 'init', '--data', data());
    expect(again).toMatchObject({
      code: 0,
      output: expect.stringContaining(`holds the key of the node: ${before.keys[0]}`),
    });
    await north.start(south);
    const after = await document();
    expect([after.id, after.keys]).toEqual([before.id, before.keys]);
    await eventually(() => expect(alice.client.state).toBe('online'), GUARD_MS);
    await talk('second');
  });

  it('says that the HSM is away, answers so, lives on, and signs again when it is back', async () => {
    await token.unplug();
    await eventually(async () => {
      const { status, checks } = await readiness();
      expect({ status, hsm: checks['node.hsm'] }).toEqual({
        status: 503,
        hsm: expect.stringContaining('no token is labelled'),
      });
    }, GUARD_MS);
    await expect(ban('c9y2m7q1.meanwhile-7x9k')).rejects.toMatchObject({ code: 'MAINTENANCE_MODE' });
    expect(await failedSignatures()).toBeGreaterThan(0);
    // What needs no signature of the node goes on here; what it orders for others waits.
    const waiting = 'while it is away';
    await alice.client.sendAndWait(channelId, { text: waiting });
    expected.push(waiting);
    // Links need signatures at both ends: the other node comes anew and is not met.
    const before = await failedSignatures();
    await south.process?.stop();
    await south.start(north);
    await eventually(async () => expect(await failedSignatures()).toBeGreaterThan(before), GUARD_MS);
    await token.plug();
    await eventually(async () => expect(await readiness()).toMatchObject({ status: 200 }), GUARD_MS);
    await eventually(() => expect(texts(bob, channelId)).toEqual(expected), GUARD_MS);
    await ban('c9y2m7q1.afterwards-7x9k');
    await talk('third');
    expect(north.process?.output()).toMatch(/the HSM does not sign[^]*the HSM signs again/);
    expect(await metric('dcp_node_hsm_sessions_total{event="reopened"')).toBeGreaterThan(0);
  });

  it('gets a new key in the HSM, and others follow', async () => {
    const [old] = (await document()).keys;
    await stop();
    const byFile = await ended(CLI, {}, ['federation', 'rotate-key', '--data', data()]);
    expect(byFile.code).not.toBe(0);
    expect(byFile.output).toContain('lies in an HSM: change it with npm run hsm -- rotate');
    const rotated = await hsm(token.env, 'rotate', '--data', data(), '--new-key', 'node-2');
    expect(rotated).toMatchObject({ code: 0, output: expect.stringContaining('DCP_NODE_HSM_KEY=node-2') });
    const refused = await hsm(token.env, 'init', '--data', data());
    expect(refused).toMatchObject({ code: 78, output: expect.stringContaining('is sealed by the key') });
    north = north.with({ DCP_NODE_HSM_KEY: 'node-2' });
    await north.start(south);
    const { id, keys, rotations } = await document();
    expect([id, rotations]).toMatchObject([north.id, [{ from: old, to: keys[0] }]]);
    expect(rotated.output).toContain(keys[0] ?? 'no key');
    await eventually(() => expect(alice.client.state).toBe('online'), GUARD_MS);
    await talk('fourth');
  });

  it('leaves no PIN in its folder or in what it prints, and the key is nowhere', async () => {
    await stop();
    expect(await filesWith(join(folder, 'hsm'), [toUtf8(token.pin)])).toEqual([join(folder, 'hsm', 'pin')]);
    expect(await filesWith(data(), [toUtf8(token.pin)])).toEqual([]);
    const all = [...printed, made.output].join('\n');
    expect(all).toContain('the HSM signs again');
    expect(all).not.toContain(token.pin);
    expect(Object.keys(JSON.parse(await readFile(data('secrets.json'), 'utf8')) as object)).not.toContain('nodeKey');
  });
});
