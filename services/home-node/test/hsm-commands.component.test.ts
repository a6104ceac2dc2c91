import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  defaultNodeId,
  ed25519PublicKey,
  formatKey,
  nodePostQuantumKey,
  parseKey,
  randomBytes,
  ready,
  toBase64,
  verifyHybrid,
  verifySigned,
} from '@dcp/crypto';
import { parseJson, parseWith, rotationsFile, rotationsTo, signingInput, withoutSignatures } from '@dcp/protocol';
import { type SoftHsm, startSoftHsm } from '@dcp/testkit';
import { hsm } from './support/hsm.js';

jest.setTimeout(60_000);

describe('the commands for services of their own', () => {
  let folder: string;
  let token: SoftHsm;
  let env: Record<string, string>;
  const seed = randomBytes(32);
  const file = (name: string) => join(folder, name);
  const own = () => formatKey('ed25519', ed25519PublicKey(seed));

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-hsm-commands-'));
    token = await startSoftHsm(folder);
    // What the services were started with so far may still be set.
    const before = { DCP_NODE_KEY: toBase64(seed) };
    env = { ...token.env, ...before, DCP_NODE_SEALED_SEED_FILE: file('sealed.json') };
    await writeFile(file('key.b64'), `${toBase64(seed)}\n`);
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('move a key from its file, twice if need be', async () => {
    for (const _ of [1, 2]) {
      const moved = await hsm(env, 'import', '--key-file', file('key.b64'));
      expect(moved).toMatchObject({ code: 0, output: expect.stringContaining(own()) });
      expect(moved.output).toContain(`destroy ${file('key.b64')}`);
    }
    expect(await readFile(file('sealed.json'), 'utf8')).toContain(own());
    await writeFile(file('other.b64'), toBase64(randomBytes(32)));
    const other = await hsm(env, 'import', '--key-file', file('other.b64'));
    expect(other).toMatchObject({ code: 78, output: expect.stringContaining('holds another key named "node"') });
    const elsewhere = await hsm({ ...env, DCP_NODE_HSM_KEY: 'third' }, 'import', '--key-file', file('other.b64'));
    expect(elsewhere).toMatchObject({ code: 78, output: expect.stringContaining('is sealed by the key') });
    const none = await hsm(env, 'import', '--key-file', file('softhsm2.conf'));
    expect(none).toMatchObject({ code: 1, output: expect.stringContaining('holds no node key') });
  });

  it('change it by a step that both old keys have signed', async () => {
    const before = await readFile(file('sealed.json'), 'utf8');
    const args = ['rotate', '--new-key', 'second', '--rotations-file', file('rotations.json')];
    const rotated = await hsm(env, ...args);
    const id = defaultNodeId(ed25519PublicKey(seed));
    expect(rotated).toMatchObject({ code: 0, output: expect.stringContaining(`DCP_NODE_ID=${id} to all services`) });

    const { node, rotations } = parseWith(rotationsFile, parseJson(await readFile(file('rotations.json'), 'utf8')));
    const [step] = rotations;
    if (step === undefined) throw new Error('no step');
    expect([node, step.from]).toEqual([id, own()]);
    const keys = { ed25519: ed25519PublicKey(seed), mlDsa: parseKey(nodePostQuantumKey(seed).key).bytes };
    expect(verifySigned(keys.ed25519, signingInput('NODE', step), step.signature)).toBe(true);
    expect(verifyHybrid(keys, signingInput('NODE', withoutSignatures(step)), step.hybrid ?? '')).toBe(true);
    expect(rotationsTo(step.to, rotations)).toEqual(rotations);

    expect(await readFile(file('sealed.json.former'), 'utf8')).toBe(before);
    const found = await hsm({ ...env, DCP_NODE_HSM_KEY: 'second' }, 'init');
    expect(found).toMatchObject({ code: 0, output: expect.stringContaining(`holds the key of the node: ${step.to}`) });
    const again = await hsm(env, ...args);
    expect(again).toMatchObject({ code: 78, output: expect.stringContaining('is sealed by the key') });
  });

  it('say what they need, and take no PIN from the command line', async () => {
    for (const [args, words] of [
      [[], 'Usage: npm run hsm'],
      [['destroy'], 'Usage: npm run hsm'],
      [['init', '--pin', token.pin], "Unknown option '--pin'"],
      [['import'], 'Say --data FOLDER, or --key-file FILE'],
      [['rotate'], 'Say --new-key LABEL'],
    ] as const) {
      const { code, output } = await hsm(env, ...args);
      expect(output).toContain(words);
      expect(code).not.toBe(0);
    }
    const { code, output } = await hsm({}, 'init', '--data', folder);
    expect(code).toBe(78);
    for (const name of ['MODULE', 'TOKEN', 'KEY', 'PIN']) expect(output).toContain(`DCP_NODE_HSM_${name}: is not set`);
  });
});
