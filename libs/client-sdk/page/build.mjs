// `pnpm build:page [folder]`: the test page with its worker, into page/dist unless told otherwise.
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { bundle, ENTRIES } from './bundles.mjs';

const folder = import.meta.dirname;
const target = resolve(process.argv[2] ?? join(folder, 'dist'));

/** Lies beside the worker and is loaded when there is need of it. */
function brotliDecoder() {
  const crypto = createRequire(createRequire(import.meta.url).resolve('@dcp/crypto'));
  return join(crypto.resolve('brotli-dec-wasm/web'), '..', 'brotli_dec_wasm_bg.wasm');
}

await mkdir(target, { recursive: true });
for (const [name, entry] of Object.entries(ENTRIES))
  await writeFile(join(target, `${name}.js`), (await bundle(entry)).text);
for (const file of ['index.html', 'style.css']) await copyFile(join(folder, file), join(target, file));
await copyFile(brotliDecoder(), join(target, 'brotli_dec_wasm_bg.wasm'));
