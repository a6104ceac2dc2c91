import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { AUTH, busPermissions, TRUST } from '@dcp/contracts';
import { ed25519PublicKey, formatKey, signDigest } from '@dcp/crypto';
import { type Bus, connectNatsBus, silentLogger } from '@dcp/node-kit';
import { signingInput } from '@dcp/protocol';
import type { Cleanup } from '../../cleanup.js';
import { ROOT_FOLDER } from '../../machine.js';
import { startBenchNats, startDurablePostgres } from '../../node-under-bench/stores.js';
import { freePort, spawnService } from '../../testkit.js';

const SCRIPT = join(ROOT_FOLDER, 'services', 'federation', 'dist', 'main.js');
const NO_INFO = { id: 'xxxxxxxx', name: '', version: '1', features: [] };
const NO_POLICY = { registration: 'open' as const, proof_of_work: { bits: 0, salt: '' } };

/** A node of which only the federation service is real: a process of its own, with its own NATS and PostgreSQL. */
export interface House {
  readonly nodeId: string;
  /** Host and port of its door for other nodes. */
  readonly place: string;
  /** As all other services, in this process. */
  readonly bus: Bus;
  /** What works for it, by what it is. */
  processes(): Record<string, number[]>;
}

/** `peer` is the node that it trusts. */
export async function startHouse(
  cleanup: Cleanup,
  nodeId: string,
  peer: string,
  env: Record<string, string>,
): Promise<House> {
  const services = busPermissions().map(({ service, ...subjects }) => ({ name: service, ...subjects }));
  const all = { name: 'bench', publish: ['>'], subscribe: ['>'] };
  const users = [...services, all].map((user) => ({ ...user, password: 'bench' }));
  const nats = await startBenchNats(cleanup, { users });
  const postgres = await startDurablePostgres(cleanup);
  const server = { servers: [nats.url], user: 'bench', password: 'bench', name: 'bench', logger: silentLogger };
  const bus = await connectNatsBus({ ...server, maxPending: 100_000 });
  cleanup.add(() => bus.close());
  const seed = randomBytes(32);
  bus.serve(AUTH.node, () => ({ document: documentOf(nodeId, seed), info: NO_INFO, policy: NO_POLICY }), 'auth');
  bus.serve(TRUST.levels, () => ({ levels: [{ node_id: peer, level: 'trusted' as const }] }), 'trust-chain');
  const port = await freePort();
  const own = {
    DATABASE_URL: await postgres.serviceUrl('federation'),
    NATS_URL: nats.url,
    NATS_USER: 'federation',
    NATS_PASSWORD: 'bench',
    DCP_NODE_ID: nodeId,
    DCP_NODE_KEY: seed.toString('base64'),
    DCP_FEDERATION_HOST: '127.0.0.1',
    DCP_FEDERATION_PORT: String(port),
    DCP_HEALTH_PORT: '0',
  };
  const service = await spawnService({ script: SCRIPT, env: { ...own, ...env }, ready: /federation is up/ });
  cleanup.add(() => service.stop());
  const processes = () => ({ federation: [service.pid], NATS: nats.pids, PostgreSQL: postgres.pids() });
  return { nodeId, place: `127.0.0.1:${port}`, bus, processes };
}

/** As the auth service says it. */
function documentOf(id: string, seed: Uint8Array): Record<string, unknown> {
  const sequence = Math.floor(Date.now() / 1000);
  const keys = [formatKey('ed25519', ed25519PublicKey(seed))];
  const about = { id, name: id, version: '1.0.0', features: [], keys, endpoints: [], binding: 'none' };
  const document = { ...about, issued: new Date(sequence * 1000).toISOString(), sequence };
  return { ...document, signature: signDigest(seed, signingInput('NODE', document)) };
}
