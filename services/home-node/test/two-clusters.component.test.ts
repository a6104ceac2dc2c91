import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { type Cluster, eventually, startCluster } from '@dcp/testkit';
import { Balancer } from './support/balancer.js';
import { type Person, resident, texts } from './support/person.js';

const GUARD_MS = 40_000;
const IDS = ['northnod', 'southnod'] as const;

jest.setTimeout(300_000);

describe('two home nodes of many processes each, behind load balancers', () => {
  let folder: string;
  let balancers: Balancer[];
  let clusters: Cluster[] = [];
  let people: Person[] = [];

  const start = async (at: number): Promise<Cluster> => {
    const other = 1 - at;
    const file = join(folder, `${IDS[at]}.json`);
    const endpoint = `wss://127.0.0.1:${balancers[other]?.port}`;
    const known_nodes = [{ id: IDS[other], endpoint, name: IDS[other], trust_level: 'trusted' }];
    await writeFile(file, JSON.stringify({ known_nodes }));
    const cluster = await startCluster({
      federations: 2,
      trustChains: 2,
      env: {
        DCP_NODE_ID: IDS[at] as string,
        DCP_REGISTRATION: 'open',
        DCP_BOUND_TO: 'loopback',
        DCP_RATE_LIMIT_FACTOR: '100',
        DCP_KNOWN_NODES_FILE: file,
        DCP_FEDERATION_URL: `wss://127.0.0.1:${balancers[at]?.port}/federation/v1`,
      },
    });
    const instances = cluster.members.filter(({ service }) => service === 'federation');
    (balancers[at] as Balancer).backends = instances.map(({ port }) => port);
    return cluster;
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-two-clusters-'));
    balancers = [await Balancer.open(), await Balancer.open()];
    clusters = await Promise.all([start(0), start(1)]);
    people = await Promise.all(
      clusters.map(({ urls }, at) =>
        resident({ id: IDS[at] as string, endpoint: String(urls[0]).replace('http', 'ws') }, `user${at}`),
      ),
    );
  });

  afterAll(async () => {
    for (const { client } of people) await client.disconnect();
    for (const balancer of balancers) balancer.close();
    await Promise.all(clusters.map((cluster) => cluster.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  it('[DCP-16.2-04] [DCP-10.1-02] their users talk, and each process of either may be killed meanwhile', async () => {
    const [alice, bob] = people as [Person, Person];
    const { channelId } = await alice.client.create('#lobby');
    await bob.client.join('#lobby@northnod');
    const { channelId: dm } = await bob.client.rooms.openDm(alice.userId);
    const said: string[] = [];
    const say = async (what: string) => {
      for (const { client, userId } of [alice, bob]) {
        said.push(`${what} ${userId}`);
        for (const channel of [channelId, dm]) await client.send(channel, { text: `${what} ${userId}` });
      }
    };
    await say('hello');
    const killed = ['federation-1', 'federation-2', 'channel-1', 'keys-1', 'auth-1', 'trust-chain-1', 'gateway-2'];
    for (const name of killed)
      for (const [at, cluster] of clusters.entries()) {
        await cluster.kill(name);
        await say(`without ${name} of ${IDS[at]}`);
        await cluster.restart(name);
        await say(`with ${name} of ${IDS[at]}`);
      }
    for (const channel of [channelId, dm]) {
      const heard = (person: Person) => texts(person, channel);
      await eventually(() => expect(heard(alice).toSorted()).toEqual(said.toSorted()), GUARD_MS);
      await eventually(() => expect(heard(bob)).toEqual(heard(alice)), GUARD_MS);
      for (const { userId } of people)
        expect(heard(alice).filter((text) => text.endsWith(userId))).toEqual(
          said.filter((text) => text.endsWith(userId)),
        );
    }
  });
});
