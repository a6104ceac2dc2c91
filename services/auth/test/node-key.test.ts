import { inspect } from 'node:util';
import { randomBytes, ready, toBase64, toHex } from '@dcp/crypto';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { NodeKey } from '../src/node/node-key.js';

describe('the node’s key', () => {
  beforeAll(() => ready());
  const nodeKey = toBase64(randomBytes(32));

  it('makes the same secrets on every replica, all of them different', () => {
    const [one, two] = [new NodeKey({ nodeKey, nodeId: undefined }), new NodeKey({ nodeKey, nodeId: undefined })];
    expect(two.nodeId).toBe(one.nodeId);
    expect(two.tokenKeyId).toBe(one.tokenKeyId);
    expect(two.challengeSecret).toEqual(one.challengeSecret);
    expect(two.decoySecret).toEqual(one.decoySecret);
    const secrets = [one.challengeSecret, one.decoySecret, one.tokenPublicKey].map(toHex);
    expect(new Set(secrets).size).toBe(3);
    expect(new NodeKey({ nodeKey: toBase64(randomBytes(32)), nodeId: undefined }).tokenKeyId).not.toBe(one.tokenKeyId);
  });

  it('does not show its seed', () => {
    const key = new NodeKey({ nodeKey, nodeId: 'a7f3k9m2' });
    expect(key.nodeId).toBe('a7f3k9m2');
    expect(inspect(key, { depth: 5 })).not.toContain(nodeKey);
    expect(JSON.stringify(key)).not.toContain(nodeKey);
  });
});
