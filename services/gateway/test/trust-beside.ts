import { randomBytes } from 'node:crypto';
import { createHealth, createMetrics, createPool, loadConfig, silentLogger } from '@dcp/node-kit';
import { trustChainConfigTable, startTrustChain } from '@dcp/service-trust-chain';
import { startPostgres, type TestPostgres } from '@dcp/testkit';
import type { TestNode } from './test-node.js';

/** The trust-chain service beside the others of the node; its place is on the same bus. Answers what stops it. */
export async function trustChain(node: TestNode): Promise<() => Promise<void>> {
  const postgres: TestPostgres = await startPostgres();
  const url = await postgres.serviceUrl('trust-chain');
  const pool = await createPool({ url, applicationName: 'trust-chain', logger: silentLogger });
  const env = { DATABASE_URL: url, NATS_URL: 'given', DCP_NODE_KEY: randomBytes(32).toString('base64') };
  const config = loadConfig(trustChainConfigTable, { ...env, DCP_TRUST_SWEEP_MS: '50' });
  const metrics = createMetrics({ service: 'trust-chain', processMetrics: false });
  const bus = await node.connect('trust-chain');
  const shared = { bus, pool, metrics, health: createHealth(), logger: silentLogger, clock: node.clock };
  const service = await startTrustChain({ config, ...shared });
  await bus.flush();
  return async () => {
    await service.stop();
    await pool.end();
    await postgres.stop();
  };
}
