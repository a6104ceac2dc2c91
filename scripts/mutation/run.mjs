// Mutation testing of libs/crypto: `node scripts/mutation/run.mjs [count] [seed]`. Draws that many mutants of src (all, when the count is `all`), runs the
// tests that reach the changed file, and prints what survived. Works on a copy beside the package, which it removes.
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { apply, mutantsOf } from './mutants.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const crypto = join(root, 'libs', 'crypto');
const copy = join(root, 'libs', `.mutation-${process.pid}`);
const [count = '150', seed = '1'] = process.argv.slice(2);
/** A mutant that never ends is noticed too. */
const TIMEOUT_MS = 180_000;

await mkdir(copy);
try {
  for (const part of ['src', 'test']) await cp(join(crypto, part), join(copy, part), { recursive: true });
  await symlink(join('..', 'crypto', 'node_modules'), join(copy, 'node_modules'));
  if (!(await testsPass([]))) throw new Error('the tests fail without any mutation');
  await measure();
} finally {
  await rm(copy, { recursive: true, force: true });
}

async function measure() {
  const drawn = await draw();
  const tally = { killed: 0, survived: [] };
  for (const [at, mutant] of drawn.entries()) {
    const path = join(copy, 'src', mutant.file);
    await writeFile(path, apply(mutant.text, mutant));
    if (await testsPass(['--findRelatedTests', path])) tally.survived.push(mutant);
    else tally.killed++;
    await writeFile(path, mutant.text);
    if (at % 10 === 9) console.log(`${at + 1} of ${drawn.length}, ${tally.killed} killed`);
  }
  for (const { file, line, kind, was, replacement } of tally.survived)
    console.log(`survived  ${file}:${line}  ${kind}  ${was.split('\n')[0]}  ->  ${replacement}`);
  console.log(`score ${((tally.killed / drawn.length) * 100).toFixed(1)} % of ${drawn.length} mutants, seed ${seed}`);
}

/** Every file in its share. */
async function draw() {
  const files = (await readdir(join(crypto, 'src'))).filter(
    (name) => name.endsWith('.ts') && !/\.(test|d)\.ts$/.test(name),
  );
  const all = [];
  for (const file of files) {
    const text = await readFile(join(crypto, 'src', file), 'utf8');
    all.push(...mutantsOf(text, file).map((mutant) => ({ ...mutant, file, text })));
  }
  console.log(`${all.length} mutants in ${files.length} files`);
  return count === 'all' ? all : shuffled(all).slice(0, Number(count));
}

function shuffled(list) {
  let state = Number(seed) >>> 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  return list
    .map((value) => ({ value, place: next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

function testsPass(which) {
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const options = [
    '--roots',
    copy,
    '--bail',
    '--maxWorkers',
    '1',
    '--silent',
    '--reporters',
    'default',
    '--passWithNoTests',
  ];
  const env = { ...process.env, NODE_OPTIONS: '--experimental-vm-modules --no-warnings' };
  const child = spawn(process.execPath, [jest, ...options, ...which], {
    cwd: root,
    env,
    stdio: process.env.MUTATION_OUTPUT === undefined ? 'ignore' : 'inherit',
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), TIMEOUT_MS);
  return new Promise((resolve) => {
    child.on('exit', (code) => {
      clearTimeout(timer);
      resolve(code === 0);
    });
  });
}
