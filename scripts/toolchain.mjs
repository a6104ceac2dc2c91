// Shared by `npm start` and `npm test`: runs on the machine's own Node (20 or newer) before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

export const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const pnpm = manifest.packageManager;
const stamps = join(root, 'node_modules', '.dcp');
const bin = join(root, 'node_modules', '.bin');

const started = Date.now();

/** One line for each step, with the time since the start, so that long steps are seen. */
export function say(text) {
  console.log(`[${((Date.now() - started) / 1000).toFixed(1).padStart(6)} s] ${text}`);
}

/** Runs a program with the terminal; resolves with its exit code. */
export function run(command, args, { env = {}, cwd = root, stdio = 'inherit', timeout } = {}) {
  return new Promise((resolve, reject) => {
    const path = `${bin}${delimiter}${process.env.PATH ?? ''}`;
    const child = spawn(command, args, { cwd, stdio, timeout, env: { ...process.env, PATH: path, ...env } });
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

async function must(what, command, args, options) {
  const code = await run(command, args, options);
  if (code === 0) return;
  console.error(`\n${what} failed (exit code ${code}). The lines above say why.`);
  process.exit(1);
}

/** Node 24, which pnpm installed; on a Mac, whatever Node runs this. */
export function node24() {
  const own = join(bin, 'node');
  return existsSync(own) ? own : process.execPath;
}

/** Installs when the lock file or a manifest changed since the last time. */
export async function install() {
  const wanted = hashOf([
    'pnpm-lock.yaml',
    'pnpm-workspace.yaml',
    'package.json',
    ...packageFolders().map((folder) => `${folder}/package.json`),
  ]);
  if (readStamp('install') === wanted) return;
  say('installing dependencies (the first time takes about a minute)');
  await must('Installing', 'npx', ['--yes', pnpm, 'install', '--frozen-lockfile', '--prefer-offline'], {
    env: { CI: 'true' },
  });
  writeStamp('install', wanted);
}

/**
 * Builds what `targets` need (every package by default) when a source changed since the last time.
 */
export async function build(targets = []) {
  const wanted = hashOf(['turbo.json', 'tsconfig.base.json', ...packageFolders().flatMap(sources)]);
  const stamp = `build-${targets.length === 0 ? 'all' : 'node'}`;
  if (readStamp(stamp) === wanted || readStamp('build-all') === wanted) return;
  say('building');
  const filters = targets.map((target) => `--filter=${target}`);
  const args = ['run', 'build', '--output-logs=errors-only', '--log-order=grouped', ...filters];
  await must('Building', join(bin, 'turbo'), args, { env: { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' } });
  writeStamp(stamp, wanted);
}

function packageFolders() {
  const folders = ['libs', 'services', 'clients'].filter((folder) => existsSync(join(root, folder)));
  const inside = folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`));
  return [...inside, 'conformance', 'bench', 'faults']
    .filter((folder) => existsSync(join(root, folder, 'package.json')))
    .sort();
}

function sources(folder) {
  const own = ['package.json', 'tsconfig.build.json', 'prisma.config.ts'].map((file) => `${folder}/${file}`);
  return [...own, ...filesBelow(`${folder}/src`), ...filesBelow(`${folder}/prisma`)].filter((file) =>
    existsSync(join(root, file)),
  );
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes('generated'))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .sort();
}

/** Names, sizes and contents; a few hundred small files take some milliseconds. */
function hashOf(files) {
  const hash = createHash('sha256');
  for (const file of files)
    hash.update(`${file}\0${statSync(join(root, file)).size}\0`).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

function readStamp(name) {
  const file = join(stamps, name);
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function writeStamp(name, value) {
  mkdirSync(stamps, { recursive: true });
  writeFileSync(join(stamps, name), value);
}
