// `pnpm size`: what a browser has to load, minified and gzipped. `--json` for programs, with the modules of each bundle.
import { gzipSync } from 'node:zlib';
import { bundle, bundleSource, ENTRIES } from './bundles.mjs';

/** WASM comes as text inside these two; what is left is the SDK and its other dependencies. */
const WITHOUT_WASM = { format: 'esm', external: ['libsodium-sumo', 'brotli-dec-wasm/web'] };

const BUNDLES = {
  'SDK without WASM': () => bundleSource("export * from './index.js'", WITHOUT_WASM),
  'verifyIdentityFile alone, without WASM': () =>
    bundleSource("export { verifyIdentityFile } from './index.js'", WITHOUT_WASM),
  worker: () => bundle(ENTRIES.worker),
  page: () => bundle(ENTRIES.page),
};

const rows = [];
for (const [name, make] of Object.entries(BUNDLES)) {
  const { text, metafile } = await make();
  const [output] = Object.values(metafile.outputs);
  const modules = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  rows.push({
    name,
    minified: Buffer.byteLength(text),
    gzip: gzipSync(text, { level: 9 }).length,
    modules: modules.map(([path]) => path),
    imports: output.imports.map(({ path }) => path),
  });
}

if (process.argv.includes('--json')) console.log(JSON.stringify(rows));
else
  for (const { name, minified, gzip } of rows)
    console.log(`${name.padEnd(40)} ${kilobytes(minified)} minified ${kilobytes(gzip)} gzip`);

function kilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`.padStart(10);
}
