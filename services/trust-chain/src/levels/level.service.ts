import type { NodeLevel, Session } from '@dcp/contracts';
import { type Clock, type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import { DcpError, nodeIdField, parseWith, TRUST_LEVELS, type TrustLevel } from '@dcp/protocol';
import { z } from 'zod';
import { requireAdmin } from '../admin.js';
import type { Announcer } from '../decisions/announcer.js';
import type { DecisionStore } from '../decisions/decision.store.js';
import type { StandingStore } from '../decisions/standing.store.js';
import type { LogStore } from '../log/log.store.js';
import { readKnownLevels } from './known-nodes.js';
import type { LevelStore } from './level.store.js';

const levelFields = z.object({ node_id: nodeIdField, level: z.enum(TRUST_LEVELS) });

export interface LevelParts {
  pool: Pool;
  levels: LevelStore;
  logs: LogStore;
  decisions: DecisionStore;
  standings: StandingStore;
  announcer: Announcer;
  clock: Clock;
  ownNode: string;
}

/** §10.3: how far other nodes are trusted. */
export class LevelService {
  constructor(private readonly parts: LevelParts) {}

  list(after = ''): Promise<{ levels: NodeLevel[]; next?: string }> {
    return this.parts.standings.levels(after);
  }

  /** What the node decided until now is judged again: a demoted node's bans end with its trust, a promoted one's begin. */
  async set(session: Session, nodeId: string, level: TrustLevel): Promise<NodeLevel> {
    requireAdmin(session);
    const { pool, levels, clock, ownNode, announcer } = this.parts;
    parseWith(levelFields, { node_id: nodeId, level });
    if (nodeId === ownNode) throw new DcpError('CONFLICT', { reason: 'own_node' });
    const targets = await withTransaction(pool, async (client) => {
      await this.parts.logs.lock(client, nodeId);
      await levels.set(client, nodeId, level, session.user_id, new Date(clock.now()));
      return this.#rejudge(client, nodeId);
    });
    await announcer.announce([nodeId, ...targets]);
    return { node_id: nodeId, level };
  }

  /** §10.1: the file of known nodes, where the operator himself has said nothing else. */
  async takeFile(path: string): Promise<void> {
    const { pool, levels, clock, ownNode, announcer } = this.parts;
    const known = await readKnownLevels(path);
    known.delete(ownNode);
    const changed: string[] = [];
    const targets = await withTransaction(pool, async (client) => {
      changed.splice(0, Infinity, ...(await levels.takeFile(client, known, new Date(clock.now()))));
      const rejudged: string[] = [];
      for (const nodeId of changed.toSorted()) {
        await this.parts.logs.lock(client, nodeId);
        rejudged.push(...(await this.#rejudge(client, nodeId)));
      }
      return rejudged;
    });
    await announcer.announce([...changed, ...targets]);
  }

  async #rejudge(client: PoolClient, nodeId: string): Promise<string[]> {
    const { levels, decisions, ownNode } = this.parts;
    return decisions.rejudge(client, nodeId, { level: await levels.of(client, nodeId), ownNode });
  }
}
