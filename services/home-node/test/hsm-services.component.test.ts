import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { type Cluster, eventually, type SoftHsm, startCluster, startSoftHsm } from '@dcp/testkit';
import { hsm } from './support/hsm.js';
import { type Person, resident, texts } from './support/person.js';

const GUARD_MS = 60_000;

jest.setTimeout(240_000);

describe('services that share one HSM, each in a process of its own', () => {
  let folder: string;
  let token: SoftHsm;
  let cluster: Cluster;
  let made: string;
  let id: string;
  const people: Person[] = [];

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-hsm-services-'));
    token = await startSoftHsm(folder);
    const env = { ...token.env, DCP_NODE_SEALED_SEED_FILE: join(folder, 'sealed-seed.json') };
    ({ output: made } = await hsm(env, 'init'));
    id = /The id of the node is (\w{8})/.exec(made)?.[1] ?? '';
    cluster = await startCluster({
      ...{ gateways: 1, auths: 2, channels: 1, keyServices: 1, federations: 1, trustChains: 1 },
      env: { ...env, DCP_NODE_KEY: '', DCP_BOUND_TO: 'loopback', DCP_RATE_LIMIT_FACTOR: '100' },
    });
  });
  afterAll(async () => {
    for (const { client } of people) await client.disconnect();
    await cluster?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const ban = (target: string) => {
    const evidence = { type: 'spam', messages: ['msg_1'], timestamp: new Date().toISOString() };
    return (people[0] as Person).client.call('/admin/trust/decisions', {
      method: 'POST',
      body: { action: 'ban_user', target, evidence },
    });
  };

  it('are one node: one key, one id, tokens of each auth are good, people talk', async () => {
    const [url = ''] = cluster.urls;
    const document = (await (await fetch(`${url}/.well-known/dcp/node.json`)).json()) as { id: string; keys: string[] };
    expect(document.id).toBe(id);
    expect(made).toContain(document.keys[0]);
    const node = { id, endpoint: url.replace('http', 'ws') };
    for (const name of ['alice', 'bob']) people.push(await resident(node, name));
    const [alice, bob] = people as [Person, Person];
    const { channelId } = await alice.client.create('#hall');
    await bob.client.join(`#hall@${id}`);
    await alice.client.sendAndWait(channelId, { text: 'hello' });
    await eventually(() => expect(texts(bob, channelId)).toEqual(['hello']), GUARD_MS);
    await ban('c9y2m7q1.before-7x9k');
  });

  it('lose it and find it again, each for itself', async () => {
    const readiness = async (name: string) => {
      const { healthUrl } = cluster.members.find((one) => one.name === name) ?? { healthUrl: '' };
      return (await fetch(`${healthUrl}/readyz`)).status;
    };
    const holders = ['auth-1', 'auth-2', 'channel-1', 'federation-1', 'trust-chain-1'];
    const all = () => Promise.all(holders.map(readiness));
    await token.unplug();
    await eventually(async () => expect(await all()).toEqual(holders.map(() => 503)), GUARD_MS);
    expect(await readiness('gateway-1')).toBe(200);
    await expect(ban('c9y2m7q1.meanwhile-7x9k')).rejects.toMatchObject({ code: 'MAINTENANCE_MODE' });
    await token.plug();
    await eventually(async () => expect(await all()).toEqual(holders.map(() => 200)), GUARD_MS);
    await ban('c9y2m7q1.after-7x9k');
    for (const { process } of cluster.members) expect(process.output()).not.toContain(token.pin);
  });
});
