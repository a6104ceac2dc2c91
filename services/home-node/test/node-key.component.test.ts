import { execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { eventually } from '@dcp/testkit';
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

describe('a node that changes its key', () => {
  let folder: string;
  let north: TestNode;
  let south: TestNode;
  let east: TestNode;
  let alice: Person;
  let bob: Person;

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-node-key-'));
    await chmod(folder, 0o711);
    [north, south, east] = [
      await TestNode.make(folder, 'northnod'),
      await TestNode.make(folder, 'southnod'),
      await TestNode.make(folder, 'eastnode'),
    ];
    await Promise.all([north.start(south), south.start(north)]);
    [alice, bob] = [await resident(north, 'alice'), await resident(south, 'bob')];
  });
  afterAll(async () => {
    for (const person of [alice, bob]) await person?.client.disconnect();
    for (const node of [north, south, east]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const data = (file: string) => join(folder, north.id, file);
  const rotate = () => {
    const args = [CLI, '--json', 'federation', 'rotate-key', '--data', join(folder, north.id), '--node', north.id];
    return JSON.parse(execFileSync(process.execPath, args).toString()) as { key: string; rotations: number };
  };
  const document = async () => {
    const answer = await fetch(`http://127.0.0.1:${north.port}/.well-known/dcp/node.json`);
    return (await answer.json()) as Document;
  };
  const decide = (target: string) => {
    const evidence = { type: 'spam', messages: ['msg_1'], timestamp: new Date().toISOString() };
    const body = { action: 'ban_user', target, evidence };
    return alice.client.call('/admin/trust/decisions', { method: 'POST', body });
  };
  const appliedAt = async ({ client }: Person) => {
    const path = '/admin/trust/decisions';
    const { decisions } = await client.call<{ decisions: { target: string; status: string }[] }>(path);
    return decisions.filter(({ status }) => status === 'applied').map(({ target }) => target);
  };

  it('[DCP-15.3-02] is followed by those who know it, keeps its sessions, and its earlier word still counts', async () => {
    const { channelId } = await alice.client.create('#hall');
    await bob.client.join('#hall@northnod');
    await alice.client.sendAndWait(channelId, { text: 'before' });
    await decide('c9y2m7q1.before-7x9k');
    await eventually(() => expect(texts(bob, channelId)).toEqual(['before']), GUARD_MS);
    const [first] = (await document()).keys;
    await copyFile(data('secrets.json'), join(folder, 'old-secrets.json'));
    const ended: unknown[] = [];
    alice.client.events.on('ended', ({ error }) => ended.push(error));

    await north.process?.stop();
    const { key, rotations } = rotate();
    await north.start(south);

    expect(rotations).toBe(1);
    expect(await document()).toMatchObject({
      id: north.id,
      keys: [key, expect.stringMatching(/^ml-dsa-65:/)],
      rotations: [{ from: first, to: key }],
    });
    await eventually(() => expect(alice.client.state).toBe('online'), GUARD_MS);
    expect(ended).toEqual([]);
    await alice.client.sendAndWait(channelId, { text: 'after' });
    await eventually(() => expect(texts(bob, channelId)).toEqual(['before', 'after']), GUARD_MS);
    await bob.client.sendAndWait(channelId, { text: 'I see you' });
    await eventually(() => expect(texts(alice, channelId)).toEqual(['before', 'after', 'I see you']), GUARD_MS);
    await decide('c9y2m7q1.after-7x9k');
    await eventually(async () => {
      expect((await appliedAt(bob)).sort()).toEqual(['c9y2m7q1.after-7x9k', 'c9y2m7q1.before-7x9k']);
    }, GUARD_MS);
  });

  it('a node that meets it afterwards believes the log from before, by the chain of its keys', async () => {
    rotate();
    await north.process?.stop();
    await north.start(south, east);
    expect((await document()).rotations).toHaveLength(2);
    await east.start(north);
    const erin = await resident(east, 'erin');
    await eventually(async () => expect(await appliedAt(erin)).toHaveLength(2), GUARD_MS);
    await erin.client.disconnect();
  });

  it('with the old key nobody is believed any more, and a change that was not finished has not happened', async () => {
    await north.process?.stop();
    const { nodeKey } = JSON.parse(await readFile(data('secrets.json'), 'utf8')) as { nodeKey: string };
    expect(nodeKey).not.toBe(
      (JSON.parse(await readFile(join(folder, 'old-secrets.json'), 'utf8')) as { nodeKey: string }).nodeKey,
    );
    await copyFile(join(folder, 'old-secrets.json'), data('secrets.json'));
    // The file names keys that are to come after this one: the node stands where it stood before them.
    await north.start(south);
    expect((await document()).rotations).toBeUndefined();
    await eventually(async () => {
      const { peers } = await bob.client.call<{
        peers: { node_id: string; link: string; last_error: string | null }[];
      }>('/admin/federation/peers');
      expect(peers.find(({ node_id }) => node_id === north.id)).toMatchObject({
        link: expect.not.stringMatching(/^up$/),
        last_error: expect.stringContaining('key_changed'),
      });
    }, GUARD_MS);
  });
});
