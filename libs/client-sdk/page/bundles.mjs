// How the SDK is bundled for browsers: shared by the page's build, the size report and the tests.
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';

/** §15.1: Chrome and Edge 90, Firefox 88, Safari 14. Syntax newer than these is written in their words; globals are polyfills.ts's. */
export const TARGET = ['chrome90', 'edge90', 'firefox88', 'safari14'];

const folder = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

export const ENTRIES = { worker: folder('src/browser/worker.ts'), page: folder('page/page.ts') };

const SETTINGS = {
  bundle: true,
  // Module workers are younger than §15.1's browsers, so everything is one classic script.
  format: 'iife',
  platform: 'browser',
  target: TARGET,
  // Safari has it since version 8; esbuild's table leaves 14.0 out for a corner of the specification, and cannot write it in other words.
  supported: { destructuring: true },
  minify: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
  // The one use is to find the Brotli decoder beside the script.
  define: { 'import.meta.url': 'self.location.href' },
};

/** One script. Answers its text and what went into it. */
export async function bundle(entry, more = {}) {
  const { outputFiles, metafile } = await build({
    ...SETTINGS,
    entryPoints: [entry],
    write: false,
    outfile: 'out.js',
    ...more,
  });
  return { text: outputFiles[0].text, metafile };
}

/** The same for a few lines of source, as if they stood in the SDK's folder. */
export function bundleSource(contents, more = {}) {
  return bundle(undefined, {
    entryPoints: undefined,
    stdin: { contents, resolveDir: folder('src'), sourcefile: 'entry.ts', loader: 'ts' },
    ...more,
  });
}
