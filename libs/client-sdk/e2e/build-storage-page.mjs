// A page with nothing but the storage and its suite.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from '../page/bundles.mjs';

const target = process.argv[2];
await mkdir(target, { recursive: true });
const { text } = await bundle(fileURLToPath(new URL('storage-page.ts', import.meta.url)));
await writeFile(join(target, 'page.js'), text);
await writeFile(join(target, 'index.html'), '<!doctype html><title>storage</title><script src="page.js"></script>');
