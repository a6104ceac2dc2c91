// Starts one node, keeps it while a process lives, and leaves nothing behind. Run by start-node.ts with one JSON argument:
// { topology, folder, watch, env, output }; says { urls, pids } or { error } in `<folder>/started.json`.
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

// The testkit's index also holds compliance suites, which load in jest only.
const testkit = import.meta.resolve('@dcp/testkit');
const { spawnService } = await import(new URL('spawn-service.js', testkit));
const { startCluster } = await import(new URL('cluster.js', testkit));

const { topology, folder, watch, env, output } = JSON.parse(process.argv[2]);
const HOME_NODE = join(import.meta.dirname, '..', '..', 'services', 'home-node', 'dist', 'main.js');
const LOOK_MS = 300;

/** The folder is read by others as soon as the file is there, so it must be whole by then. */
function write(name, value) {
  writeFileSync(join(folder, `${name}.new`), JSON.stringify(value), { mode: 0o600 });
  renameSync(join(folder, `${name}.new`), join(folder, name));
}

async function startOne() {
  // The embedded PostgreSQL runs as another user when we are root.
  const data = join(folder, 'data');
  chmodSync(folder, 0o711);
  mkdirSync(data, { mode: 0o711 });
  const node = await spawnService({
    script: HOME_NODE,
    env: { DCP_PORT: '0', DCP_HEALTH_PORT: '0', DCP_DATA_DIR: data, ...env },
    ready: /address\s+(http:\/\/\S+)/,
    guardMs: 60_000,
  });
  return {
    urls: [node.ready[1]],
    pids: [node.pid],
    output: () => node.output(),
    stop: () => Promise.race([node.stop(), delay(10_000, undefined, { ref: false }).then(() => node.kill())]),
  };
}

async function startMany() {
  const cluster = await startCluster({ env: { DCP_REGISTRATION: 'open', DCP_BOUND_TO: 'loopback', ...env } });
  const gateways = cluster.members.filter(({ service }) => service === 'gateway');
  return {
    urls: [...cluster.urls],
    pids: gateways.map((member) => member.process.pid),
    output: () => cluster.members.map((member) => member.process.output()).join('\n'),
    stop: () => cluster.stop(),
  };
}

function lives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

let ending = false;

async function end(node) {
  if (ending) return;
  ending = true;
  await node?.stop().catch((error) => console.error(error));
  await remove();
  process.exit(0);
}

/** Once is not enough when a database that is just ending still writes there. */
async function remove() {
  for (let tries = 0; tries < 50 && existsSync(folder); tries++) {
    rmSync(folder, { recursive: true, force: true });
    await delay(100);
  }
}

let node;
try {
  node = await (topology === 'many' ? startMany() : startOne());
  write('started.json', { urls: node.urls, pids: node.pids });
} catch (error) {
  write('started.json', { error: String(error?.stack ?? error).slice(0, 20_000) });
}

process.on('SIGTERM', () => void end(node));
let written = '';
setInterval(() => {
  if (!lives(watch)) void end(node);
  const text = output && node !== undefined && !ending ? node.output() : written;
  if (text !== written) writeFileSync(join(folder, 'output.txt'), (written = text));
}, LOOK_MS);
