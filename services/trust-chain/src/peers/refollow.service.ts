import type { Session } from '@dcp/contracts';
import { type Pool, withTransaction } from '@dcp/node-kit';
import { DcpError, nodeIdField, parseWith } from '@dcp/protocol';
import { requireAdmin } from '../admin.js';
import type { Announcer } from '../decisions/announcer.js';
import type { DecisionStore } from '../decisions/decision.store.js';
import type { LogStore } from '../log/log.store.js';
import type { SyncService } from './sync.service.js';

export interface RefollowParts {
  pool: Pool;
  logs: LogStore;
  decisions: DecisionStore;
  announcer: Announcer;
  sync: SyncService;
}

/** The way back for a node that has contradicted itself for an honest reason: its operator restored an old copy of its database, and said so. */
export class RefollowService {
  constructor(private readonly parts: RefollowParts) {}

  /** Forgets what the node decided and reads its log anew. The entries that were signed before stay as evidence. */
  async refollow(session: Session, nodeId: string): Promise<{ node_id: string }> {
    requireAdmin(session);
    parseWith(nodeIdField, nodeId);
    const { pool, logs, decisions, announcer, sync } = this.parts;
    const targets = await withTransaction(pool, async (client) => {
      const { state } = await logs.lock(client, nodeId);
      if (state !== 'forked') throw new DcpError('CONFLICT', { reason: 'not_forked' });
      await logs.restart(client, nodeId);
      return decisions.forget(client, nodeId);
    });
    await announcer.announce(targets);
    void sync.sync(nodeId);
    return { node_id: nodeId };
  }
}
