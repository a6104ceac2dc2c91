import { ready } from '@dcp/crypto';
import { DcpError } from '@dcp/protocol';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { NodePort } from '../src/e2ee/node-port.js';
import { formatLink } from '../src/links.js';
import { Rooms } from '../src/rooms.js';
import { NODE_ID, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

const channelId = `ch_${'a'.repeat(52)}`;
const link = formatLink({ kind: 'channel', channelId, via: 'other.example' });

/** What a node says when it is asked to find the one at a host, and which channels it knows by which names. */
async function at(meets: () => string, known: readonly string[]) {
  const { keys, engine, stop } = await actorOf();
  const joined: unknown[] = [];
  const node: NodePort = {
    command: <T>(command: string, data: object) => {
      if (command === 'meet_node') return Promise.resolve().then(() => ({ node_id: meets() }) as T);
      joined.push(data);
      return Promise.resolve({ channel: '#x', channel_id: channelId, head: 3, seq: 3 } as T);
    },
    rest: <T>(path: string) => {
      const name = decodeURIComponent(path.slice('/channels/'.length));
      if (!known.includes(name)) return Promise.reject(new DcpError('CHANNEL_NOT_FOUND'));
      return Promise.resolve({ channel_id: channelId, encryption: 'node' } as T);
    },
  };
  const channels = { has: () => false, isEncrypted: () => false, add: () => undefined, storeNew: () => undefined };
  const rooms = new Rooms(keys, NODE_ID, 'ws://own.example', node, engine, channels as never);
  const join = () => rooms.join(link).finally(stop);
  return { join, joined };
}

async function actorOf() {
  const actor = await new Person(new ScriptedNode(), 'anna').device();
  return { keys: actor.keys, engine: actor.engine, stop: () => actor.stop() };
}

const fails = (code: 'MAINTENANCE_MODE' | 'NODE_UNREACHABLE') => () => {
  throw new DcpError(code);
};

describe('a link to a channel', () => {
  beforeAll(ready);

  it('leads to the node at its host, which may be the own one', async () => {
    const { join, joined } = await at(() => 'm1111111', [`${channelId}@m1111111`]);
    await expect(join()).resolves.toMatchObject({ channelId });
    expect(joined).toEqual([{ channel: channelId }]);
    await expect((await at(() => NODE_ID, [channelId])).join()).resolves.toMatchObject({ channelId });
  });

  it('works at a node that knows no other nodes, by whatever address it was made', async () => {
    for (const code of ['MAINTENANCE_MODE', 'NODE_UNREACHABLE'] as const)
      await expect((await at(fails(code), [channelId])).join()).resolves.toMatchObject({ channelId });
  });

  it('says that the host could not be found when the own node has no such channel either', async () => {
    for (const code of ['MAINTENANCE_MODE', 'NODE_UNREACHABLE'] as const)
      await expect((await at(fails(code), [])).join()).rejects.toMatchObject({ code });
    await expect((await at(() => 'm1111111', [])).join()).rejects.toMatchObject({ code: 'CHANNEL_NOT_FOUND' });
  });
});
