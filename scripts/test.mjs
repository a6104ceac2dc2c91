// `npm test`: installs, builds, checks and runs every ring of tests; the last line is `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failuresOf } from './failures.mjs';
import { buildPkcs11 } from './pkcs11.mjs';
import { build, install, node24, root, run, say } from './toolchain.mjs';

/** Each ring is one jest run; `paths` are matched against the files' paths. Faults run last and alone: they kill things. */
const RINGS = [
  { name: 'unit, property and vectors', paths: ['(libs|services|clients)/[^/]+/src/', 'libs/(?!testkit)[^/]+/test/'] },
  { name: 'compliance and component', paths: ['libs/testkit/test/', '(services|clients)/[^/]+/test/'] },
  { name: 'conformance', paths: ['conformance/'] },
  { name: 'browser', paths: ['/e2e/'], serial: true },
  { name: 'benches work', paths: ['bench/'] },
  { name: 'faults', paths: ['faults/'], serial: true },
];

/** Milliseconds: a ring that hangs is ended and fails, so that what it printed and the others' results are seen. */
const RING_LIMIT = process.env.DCP_FAULTS ? undefined : 40 * 60_000;

const CHECKS = [
  ['format', 'oxfmt', ['--check']],
  ['lint', 'oxlint', ['--deny-warnings']],
  ['types', 'turbo', ['run', 'typecheck', '--output-logs=errors-only', '--log-order=grouped']],
  [
    'boundaries',
    'depcruise',
    ['--config', '.dependency-cruiser.cjs', 'libs', 'services', 'clients', '--output-type', 'err'],
  ],
  ['dead code', 'knip', ['--no-progress']],
];

const totals = { passed: 0, failed: 0 };
const failures = [];
const only = process.argv.slice(2);

await install();
await build();
ensureNats();
ensureChromium();
ensureNetworks();
await ensureHsm();
// With words behind `npm test --` only the tests whose path holds one of them run, and no checks.
const serial = only.some((word) => /faults|e2e/.test(word));
const rings = only.length === 0 ? RINGS : [{ name: only.join(', '), paths: only, serial }];
if (only.length === 0) for (const [name, command, args] of CHECKS) await check(name, command, args);
const scratch = mkdtempSync(join(tmpdir(), 'dcp-test-'));
for (const ring of rings) await runRing(ring);
rmSync(scratch, { recursive: true, force: true });
if (existsSync(join(root, 'conformance', 'coverage.mjs')))
  await check('coverage report', node24(), ['conformance/coverage.mjs', '--check']);
if (failures.length > 0) console.log(`\nFailed:\n${failures.join('\n')}`);
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 ? 0 : 1);

async function check(name, command, args) {
  say(`check: ${name}`);
  const code = await run(command, args, { env: { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' } });
  totals[code === 0 ? 'passed' : 'failed']++;
  if (code === 0) return;
  console.error(`check failed: ${name}`);
  failures.push(`check: ${name}`);
}

async function runRing({ name, paths, serial = false }) {
  say(`tests: ${name}`);
  const report = join(scratch, 'report.json');
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const args = [
    jest,
    '--json',
    `--outputFile=${report}`,
    '--passWithNoTests',
    ...(serial ? ['--runInBand'] : []),
    ...paths,
  ];
  const code = await run(node24(), args, {
    env: { NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
    timeout: RING_LIMIT,
  });
  count(name, report, code);
}

/** A suite that does not even load has no failed test, and must not pass for that. */
function count(name, report, code) {
  const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  rmSync(report, { force: true });
  totals.passed += result?.numPassedTests ?? 0;
  const failed =
    (result?.numFailedTests ?? 0) + (result?.numRuntimeErrorTestSuites ?? 0) + (result?.numPendingTests ?? 0);
  totals.failed += failed === 0 && code !== 0 ? 1 : failed;
  const told = failuresOf(result ?? {}, root);
  if (failed === 0 && code === 0) return;
  console.error(`tests failed: ${name}`);
  failures.push(...(told.length > 0 ? told : [`${name}: ended with ${code}`]));
}

/** A real NATS: NATS_URL, the binary, or Debian's package where this may be installed; otherwise one line that says what to do. */
function ensureNats() {
  if (process.env.NATS_URL || has('nats-server') || existsSync('/usr/sbin/nats-server')) return;
  if (installed('nats-server')) return;
  if (has('docker') && spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0) return;
  console.error(
    'The tests need a NATS server: install nats-server (apt-get install nats-server), or set NATS_URL, or start Docker.',
  );
  process.exit(1);
}

/** A real browser: DCP_CHROMIUM, the one that is there, or Debian's package. */
function ensureChromium() {
  if (process.env.DCP_CHROMIUM || ['chromium', 'chromium-browser', 'google-chrome'].some(has)) return;
  if (installed('chromium')) return;
  console.error(
    'The tests need a Chromium: install chromium (apt-get install chromium), or set DCP_CHROMIUM to the path of one.',
  );
  process.exit(1);
}

/** Faults between nodes are made in network namespaces; without root those tests fail and say why. */
function ensureNetworks() {
  process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
  if (!has('ip')) installed('iproute2');
  if (!has('nft')) installed('nftables');
}

/** A software HSM, and the add-on that speaks to HSMs: without them the tests of node keys in an HSM fail and say why. */
async function ensureHsm() {
  if (!has('softhsm2-util')) installed('softhsm2');
  if (!has('c++') && process.env.CXX === undefined) installed('g++');
  await buildPkcs11();
}

/** Debian's package, where we may install it. */
function installed(name) {
  if (process.getuid?.() !== 0 || !has('apt-get')) return false;
  say(`installing ${name} (Debian package)`);
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
  spawnSync('apt-get', ['update', '-qq'], quiet);
  return spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], quiet).status === 0;
}

function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' }).status === 0;
}
