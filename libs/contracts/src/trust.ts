import type { TrustLevel } from '@dcp/protocol';
import type { Session } from './auth.js';
import { rpc, topic } from './define.js';

export interface NodeLevel {
  node_id: string;
  level: TrustLevel;
}

/** §10.3. */
export type TrustAction = 'ban_user' | 'temp_ban_user' | 'flag_content' | 'rate_limit_user' | 'block_node';

/** What holds for a user here, by decisions of this node or of trusted ones. Times are ISO; null: without an end. */
export interface UserStanding {
  user_id: string;
  banned_until?: string | null;
  /** Messages a minute; `until` as above. */
  rate?: { per_minute: number; until: string | null };
}

export const TRUST = {
  /** Every node that somebody has rated, in pages. */
  levels: rpc<{ after?: string | undefined }, { levels: NodeLevel[]; next?: string }>(
    'trust.levels',
    'trust-chain',
    'federation',
    'gateway',
  ),
  setLevel: rpc<{ session: Session; node_id: string; level: TrustLevel }, NodeLevel>(
    'trust.set-level',
    'trust-chain',
    'gateway',
  ),
  levelChanged: topic<NodeLevel>('trust.event.level-changed', 'trust-chain', 'federation'),
} as const;
