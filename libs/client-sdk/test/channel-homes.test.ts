import { formatHash, formatKey, parseKey, ready, sha256, verifySigned } from '@dcp/crypto';
import { type Handover, handoverInput, handoverSchema, homeAfter } from '@dcp/protocol';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type ChannelHome, ChannelHomes } from '../src/channel-homes.js';
import { deviceKey } from '../src/session/device.js';
import { Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

const channel_id = `ch_${'a'.repeat(52)}`;

describe('the home of a channel', () => {
  beforeAll(ready);

  it('is moved by a word that its owner’s device has signed, and that follows the one before', async () => {
    const anna = await new Person(new ScriptedNode(), 'anna').device();
    const { keys: device } = anna;
    const home: ChannelHome = {
      channel: '#x',
      channel_id,
      home_node: 'aaaaaaaa',
      home_epoch: 1,
      state: 'settled',
      handovers: [],
    };
    const posted: { path: string; handover: Handover }[] = [];
    const rest = (path: string, request?: { body?: unknown }): Promise<unknown> => {
      const { handover } = (request?.body ?? {}) as { handover?: Handover };
      if (handover === undefined) return Promise.resolve(structuredClone(home));
      posted.push({ path, handover });
      const closing = { channel_id, epoch: home.home_epoch, last_seq: 3, to_node: handover.to_node, signature: '' };
      home.handovers.push({ handover, closing });
      [home.home_node, home.home_epoch] = [handover.to_node, handover.epoch];
      return Promise.resolve(structuredClone(home));
    };
    const none = () => Promise.reject(new Error('none'));
    const homes = new ChannelHomes(device, { rest, command: none } as never, none);
    expect(await homes.handOver('#x', 'bbbbbbbb', { via: 'b.example' })).toMatchObject({ home_node: 'bbbbbbbb' });
    expect(await homes.handOver('#x@bbbbbbbb', 'cccccccc')).toMatchObject({ home_node: 'cccccccc', home_epoch: 3 });
    const key = parseKey(formatKey('ed25519', parseKey(deviceKey(device)).bytes)).bytes;
    for (const { handover } of posted) {
      expect(handoverSchema.safeParse(handover).success).toBe(true);
      expect(verifySigned(key, handoverInput(handover), handover.signature)).toBe(true);
    }
    const chain = posted.map(({ handover }) => handover);
    const genesis = { home_node: 'aaaaaaaa', creator: device.userId };
    const hashOf = (bytes: Uint8Array) => formatHash(sha256(bytes));
    expect(homeAfter(channel_id, genesis, chain, hashOf)).toMatchObject({ home: 'cccccccc', epoch: 3 });
    expect(posted.map(({ path }) => path)).toEqual(['/channels/%23x/home', '/channels/%23x%40bbbbbbbb/home']);
    expect(chain.map(({ via }) => via)).toEqual(['b.example', undefined]);
    anna.stop();
  });
});
