/**
 * The default entry must run in a browser: nothing it reaches may import a Node module, native code or another package
 * than the three that are made for it.
 */
import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';

const IMPORT = /(?:from|import)\s*\(?\s*'([^']+)'/g;

/** All files reached from `file`, and every package named on the way. */
function reach(file: URL, files = new Set<string>(), packages = new Set<string>()) {
  if (files.has(file.href)) return { files, packages };
  files.add(file.href);
  for (const [, target = ''] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
    if (target.startsWith('.')) reach(new URL(target.replace(/\.js$/, '.ts'), file), files, packages);
    else packages.add(target);
  }
  return { files, packages };
}

describe('the default entry', () => {
  const { files, packages } = reach(new URL('../src/index.ts', import.meta.url));

  it('reaches libsodium, noble and the Brotli decoder only', () => {
    expect([...packages].toSorted()).toEqual([
      '@noble/post-quantum/falcon.js',
      '@noble/post-quantum/ml-dsa.js',
      '@noble/post-quantum/ml-kem.js',
      'brotli-dec-wasm/web',
      'libsodium-wrappers-sumo',
    ]);
    expect(files.size).toBeGreaterThan(20);
  });

  it('uses no global of Node', () => {
    for (const file of files) {
      expect(readFileSync(new URL(file), 'utf8')).not.toMatch(/\b(?:Buffer|process)\s*[.[(]|\brequire\(/);
    }
  });
});

describe('the Node entry', () => {
  it('has the same names', async () => {
    const names = async (entry: string) => Object.keys((await import(entry)) as object).toSorted();
    expect(await names('../src/index.node.js')).toEqual(await names('../src/index.js'));
  });
});
