import { beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

interface Bundle {
  name: string;
  minified: number;
  gzip: number;
  /** Files of which something is in the output. */
  modules: string[];
  /** What the output still imports. */
  imports: string[];
}

const SCRIPT = join(import.meta.dirname, '..', 'page', 'size.mjs');
let bundles: Map<string, Bundle>;

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, '--json'], { maxBuffer: 2 ** 24 });
  bundles = new Map((JSON.parse(stdout) as Bundle[]).map((bundle) => [bundle.name, bundle]));
}, 60_000);

function named(name: string): Bundle {
  const bundle = bundles.get(name);
  if (bundle === undefined) throw new Error(`no bundle "${name}"`);
  return bundle;
}

/** A package that has something else for browsers is bundled as `(disabled):crypto`: an empty module. */
const nodeOnly = ({ modules, imports }: Bundle) =>
  [...modules, ...imports].filter((path) => isBuiltin(path) || path.includes('client-sdk/src/node/'));

describe('bundles for browsers', () => {
  it('[DCP-15.1-02] hold nothing of Node and need nothing from outside', () => {
    for (const bundle of bundles.values()) expect(nodeOnly(bundle)).toEqual([]);
    for (const name of ['worker', 'page']) expect(named(name).imports).toEqual([]);
  });

  it('take in only what is used: checking an identity file brings neither ratchet nor client', () => {
    const { modules, minified } = named('verifyIdentityFile alone, without WASM');
    const used = modules
      .filter((path) => /libs\/(client-sdk|crypto)\//.test(path))
      .map((path) => path.replace(/.*\//, ''));
    expect(used).toContain('identity-file.ts');
    expect(
      used.filter((file) => /ratchet|pair-session|x3dh|sender-key|ml-|falcon|client\.ts|outbox|rooms/.test(file)),
    ).toEqual([]);
    expect(minified).toBeLessThan(named('SDK without WASM').minified * 0.9);
  });

  it('the page has the handle of the client, not the client', () => {
    const files = named('page').modules.map((path) => path.replace(/.*\//, ''));
    expect(files).toContain('worker-client.ts');
    expect(
      files.filter((file) => /^(client|outbox|encryption-engine|pair-session|libsodium-sumo)\./.test(file)),
    ).toEqual([]);
  });

  it('stay below what a phone on a slow network can be asked to load', () => {
    expect(named('SDK without WASM').gzip).toBeLessThan(250_000);
    expect(named('worker').gzip).toBeLessThan(450_000);
  });
});
