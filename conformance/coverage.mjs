// Which test proves which requirement: the ids in the titles of all tests of the repository against requirements.json.
// `node conformance/coverage.mjs` writes COVERAGE.md, `--check` fails when it is out of date.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

const HERE = import.meta.dirname;
const ROOT = dirname(HERE);
const FOLDERS = ['libs', 'services', 'clients', 'conformance', 'faults', 'bench'];
const LEFT_OUT = new Set(['node_modules', 'dist', 'generated']);
const ID = /\[(DCP-[A-Z\d.]+-\d+)\]/g;

function testFiles(folder) {
  return entries(folder).flatMap((entry) => {
    if (LEFT_OUT.has(entry.name) || entry.name.startsWith('.')) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testFiles(path);
    return entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

function entries(folder) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if (error.code === 'ENOENT') return [];
    throw error;
  }
}

/** id -> the files whose titles carry it. */
function proofs() {
  const found = new Map();
  for (const file of FOLDERS.flatMap((folder) => testFiles(join(ROOT, folder)))) {
    const name = relative(ROOT, file).split(sep).join('/');
    for (const [, id] of readFileSync(file, 'utf8').matchAll(ID)) {
      found.set(id, (found.get(id) ?? new Set()).add(name));
    }
  }
  return found;
}

function byId(one, other) {
  return one.localeCompare(other, 'en', { numeric: true });
}

function table(requirements, found) {
  const texts = new Map(requirements.map((requirement) => [requirement.id, requirement]));
  return [...found.keys()].sort(byId).map((id) => {
    const { strength = '', text = '' } = texts.get(id) ?? {};
    const files = [...found.get(id)].sort().map((file) => `[${file}](../${file})`);
    return `| ${id} | ${strength} | ${text.replaceAll('|', '\\|')} | ${files.join('<br>')} |`;
  });
}

function report() {
  const requirements = JSON.parse(readFileSync(join(HERE, 'requirements.json'), 'utf8'));
  const found = proofs();
  const open = requirements.filter(({ id }) => !found.has(id));
  const line = ({ id, strength, text, scope }) =>
    `- ${id} (${strength}) ${text}${scope === 'node' ? '' : ` (${scope})`}`;
  const list = (wanted) => (wanted.length === 0 ? ['None.'] : wanted.map(line));
  return [
    '# Requirements and the tests that prove them',
    '',
    'Written by `node conformance/coverage.mjs` from the titles of the tests; do not edit.',
    '',
    `${found.size} requirements have a test.`,
    '',
    '## A node must meet, without a test',
    '',
    ...list(open.filter(({ scope }) => scope === 'node')),
    '',
    '## Belongs to another part, without a test',
    '',
    ...list(open.filter(({ scope }) => scope !== 'node')),
    '',
    '## Shown in part',
    '',
    ...requirements.filter((one) => one.open !== undefined).map((one) => `- ${one.id} ${one.text}. Open: ${one.open}.`),
    '',
    '## With a test',
    '',
    '| id | strength | requirement | tests |',
    '|---|---|---|---|',
    ...table(requirements, found),
    '',
  ].join('\n');
}

const target = join(HERE, 'COVERAGE.md');
const text = report();
if (process.argv.includes('--check')) {
  const is = readFileSync(target, 'utf8');
  if (is !== text) {
    console.error('conformance/COVERAGE.md is out of date: run `node conformance/coverage.mjs`');
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
