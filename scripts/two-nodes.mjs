// `npm run two-nodes`: two home nodes on this machine that know and trust each other, until Ctrl-C. Their data lies below `.two-nodes/`.
import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, install, node24, root } from './toolchain.mjs';

const NODES = [
  { id: 'northnod', name: 'North', port: 8008, health: 8108 },
  { id: 'southnod', name: 'South', port: 8018, health: 8118 },
];
const data = join(root, '.two-nodes');
const main = join(root, 'services', 'home-node', 'dist', 'main.js');

await install();
await build(['@dcp/home-node', '@dcp/cli']);
await mkdir(data, { recursive: true });
const running = await Promise.all(NODES.map((node) => start(node)));

// Each node hears Ctrl-C itself, because the terminal sends it to the whole group; only a plain kill has to be passed on.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => running.forEach((node) => node.kill('SIGTERM')));
const codes = await Promise.all(running.map((node) => new Promise((resolve) => node.on('exit', resolve))));
process.exit(codes.find((code) => code !== 0) ?? 0);

/** Each is told of the other in a file of known nodes (§10.1). */
async function start({ id, name, port, health }) {
  const known_nodes = NODES.filter((one) => one.id !== id).map((other) => ({
    id: other.id,
    endpoint: `ws://127.0.0.1:${other.port}`,
    name: other.name,
    trust_level: 'trusted',
  }));
  const file = join(data, `${id}-known-nodes.json`);
  await writeFile(file, `${JSON.stringify({ known_nodes }, null, 2)}\n`);
  const env = {
    ...process.env,
    DCP_NODE_ID: id,
    DCP_NODE_NAME: name,
    DCP_PORT: String(port),
    DCP_HEALTH_PORT: String(health),
    DCP_DATA_DIR: join(data, id),
    DCP_KNOWN_NODES_FILE: file,
  };
  return spawn(node24(), ['--enable-source-maps', main], { stdio: 'inherit', env });
}
