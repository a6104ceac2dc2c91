import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ed25519PublicKey,
  formatKey,
  fromBase64,
  nodeTokenKey,
  randomBytes,
  ready,
  sign,
  signDigest,
  toBase64,
  toUtf8,
} from '@dcp/crypto';
import type { TokenClaims } from '@dcp/contracts';
import { signingInput } from '@dcp/protocol';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFormerKeys } from '../src/node/former-keys.js';
import { NodeKey } from '../src/node/node-key.js';
import { TokenSigner } from '../src/tokens/token-signer.js';

const NODE = 'abcd1234';
const NOW_S = 1_800_000_000;

describe('the keys that a node had before', () => {
  let folder: string;
  let seeds: Uint8Array[];
  let file: string;

  beforeAll(async () => {
    await ready();
    folder = mkdtempSync(join(tmpdir(), 'dcp-former-'));
    seeds = [randomBytes(32), randomBytes(32), randomBytes(32)];
    file = join(folder, 'rotations.json');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const keyOf = (at: number) => formatKey('ed25519', ed25519PublicKey(seeds[at] as Uint8Array));
  const step = (from: number, to: number, by = from) => {
    const plain = { node: NODE, from: keyOf(from), to: keyOf(to), issued: '2026-01-01T00:00:00.000Z' };
    return { ...plain, signature: signDigest(seeds[by] as Uint8Array, signingInput('NODE', plain)) };
  };
  const write = (changes: object = {}) => {
    const content = { node: NODE, rotations: [step(0, 1), step(1, 2)], token_keys: [], ...changes };
    writeFileSync(file, JSON.stringify(content));
    return file;
  };
  const base64url = (bytes: Uint8Array) =>
    toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');

  it('are none without a file, and all that lead to the present one with it', () => {
    expect(readFormerKeys(undefined, NODE, keyOf(0))).toEqual({ rotations: [], tokenKeys: [] });
    expect(readFormerKeys(write(), NODE, keyOf(2)).rotations).toHaveLength(2);
    expect(readFormerKeys(write(), NODE, keyOf(0)).rotations).toEqual([]);
  });

  it('of another node, of another key, or not signed by the key before: the node does not start', () => {
    expect(() => readFormerKeys(write({ node: 'zzzz1234' }), NODE, keyOf(2))).toThrow('zzzz1234');
    expect(() => readFormerKeys(write({ rotations: [step(0, 1)] }), NODE, keyOf(2))).toThrow('does not lead');
    const forged = [step(0, 1), step(1, 2, 2)];
    expect(() => readFormerKeys(write({ rotations: forged }), NODE, keyOf(2))).toThrow('not signed');
    expect(() => readFormerKeys(join(folder, 'none.json'), NODE, keyOf(2))).toThrow('ENOENT');
  });

  it('tokens of a former key are believed until they are over, and no longer; of a key that is not named never', () => {
    const key = new NodeKey({ nodeKey: toBase64(seeds[1] as Uint8Array), nodeId: NODE });
    const old = new NodeKey({ nodeKey: toBase64(seeds[0] as Uint8Array), nodeId: NODE });
    const claims = { iss: NODE, exp: NOW_S + 1_000 } as TokenClaims;
    const token = new TokenSigner(old).sign(claims);
    const { publicKey, keyId: kid } = nodeTokenKey(seeds[0] as Uint8Array);
    const until = new Date((NOW_S + 500) * 1000).toISOString();
    const signer = new TokenSigner(key, [{ kid, x: base64url(publicKey), until }]);
    expect(signer.verify(token, NOW_S)).toEqual(claims);
    expect(() => signer.verify(token, NOW_S + 501)).toThrow(expect.objectContaining({ code: 'INVALID_CREDENTIALS' }));
    expect(() => new TokenSigner(key).verify(token, NOW_S)).toThrow(
      expect.objectContaining({ code: 'INVALID_CREDENTIALS' }),
    );
    expect(signer.verify(signer.sign(claims), NOW_S)).toEqual(claims);
    const [header, body] = token.split('.');
    const { seed } = nodeTokenKey(seeds[1] as Uint8Array);
    const swapped = `${header}.${body}.${base64url(sign(seed, toUtf8(`${header}.${body}`)))}`;
    expect(() => signer.verify(swapped, NOW_S)).toThrow(expect.objectContaining({ code: 'INVALID_CREDENTIALS' }));
    expect(fromBase64(base64url(publicKey))).toEqual(publicKey);
  });
});
