// Figures of the encryption: `node bench/run.mjs [node | file | chromium] [members]` (bench/README.md of the repository).
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const [form = 'node', members = '1000'] = process.argv.slice(2);
const options = { members: Number(members), print: (line) => console.log(line) };
console.log(`${form}, ${cpus()[0]?.model}, Node ${process.versions.node}`);

if (form === 'chromium') await inChromium();
else await inNode(form === 'file');

async function inNode(onDisk) {
  // Beside the package, so that its dependencies are found.
  const folder = await mkdtemp(join(here, '.run-'));
  try {
    const outfile = join(folder, 'figures.mjs');
    const settings = { bundle: true, format: 'esm', platform: 'node', target: 'node24', packages: 'external' };
    await build({ ...settings, entryPoints: [join(here, 'figures.ts')], outfile });
    const { measureAll } = await import(pathToFileURL(outfile).href);
    await (onDisk ? withFiles((storage) => measureAll({ ...options, storage })) : measureAll(options));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The storage of a client on a disk: every batch is synced. */
async function withFiles(measure) {
  const { FileStorage } = await import('../dist/node/index.js');
  const folder = await mkdtemp(join(tmpdir(), 'dcp-bench-'));
  const opened = [];
  await measure(async () => {
    const storage = new FileStorage(join(folder, String(opened.length)));
    opened.push(storage);
    return storage;
  });
  for (const storage of opened) await storage.close();
  await rm(folder, { recursive: true, force: true });
}

async function inChromium() {
  const { chromium } = await import('playwright-core');
  const settings = { bundle: true, format: 'iife', platform: 'browser', target: 'chrome90', globalName: 'figures' };
  const define = { 'import.meta.url': 'self.location.href' };
  const { outputFiles } = await build({
    ...settings,
    define,
    entryPoints: [join(here, 'figures.ts')],
    write: false,
  });
  const executablePath = process.env['DCP_CHROMIUM'] ?? '/usr/bin/chromium';
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  try {
    console.log(`Chromium ${browser.version()}, in a worker`);
    const page = await browser.newPage();
    page.on('console', (message) => console.log(message.text()));
    const script = `${outputFiles[0].text};figures.measureAll({members:${options.members},print:(l)=>postMessage(l)}).then(()=>postMessage(null),(e)=>postMessage('failed: '+e.stack))`;
    await page.evaluate(
      (text) =>
        new Promise((resolve, reject) => {
          const worker = new Worker(URL.createObjectURL(new Blob([text], { type: 'text/javascript' })));
          worker.onmessage = ({ data }) => (data === null ? resolve() : console.log(data));
          worker.onerror = ({ message }) => reject(new Error(message));
        }),
      script,
    );
  } finally {
    await browser.close();
  }
}
