import type { Clock, Logger, Pool } from '@dcp/node-kit';
import type { NodeKey } from '../node/node-key.js';
import { insertChannels } from './channel-rows.store.js';
import { newChannel, nodeGenesis } from './genesis.js';

const GENERAL = { name: '#general', title: 'General Discussion', description: 'Main community channel' };

/**
 * Every node has `#general`, in mode `node` (profile §5). Its creator is the node itself, which is no user: so it has no owner and its log
 * begins with the first join. Replicas that start together draw different genesis; the first to insert wins.
 */
export async function ensureSystemChannel(parts: {
  pool: Pool;
  key: NodeKey;
  clock: Clock;
  logger: Logger;
}): Promise<void> {
  const { pool, key, clock, logger } = parts;
  const { rowCount } = await pool.query(
    "select 1 from channels where name = $1 and visibility = 'public' and deleted_at is null",
    [GENERAL.name],
  );
  if (rowCount !== 0) return;
  const genesis = nodeGenesis(key, GENERAL.name, key.nodeId, clock.now());
  const inserted = await insertChannels(pool, [newChannel(genesis, GENERAL.title, GENERAL.description)]);
  if (inserted.length > 0) logger.info({ channel_id: inserted[0] }, 'system channel created');
}
