import type { DecisionStatus } from '@dcp/contracts';
import type { DecisionAction, TrustLevel } from '@dcp/protocol';

export interface Judged {
  action: DecisionAction;
  target: string;
  issuer: string;
}

/**
 * §10.3: what becomes of a decision before any administrator looks at it. A trusted node's is applied, a monitored one's waits; a flag
 * always waits, since to be looked at is what it is for. Nobody can make this node block itself.
 */
export function automaticStatus(
  { action, target, issuer }: Judged,
  level: TrustLevel,
  ownNode: string,
): DecisionStatus {
  const own = issuer === ownNode;
  if (!own && level !== 'trusted' && level !== 'monitored') return 'ignored';
  if (action === 'block_node' && target === ownNode) return 'ignored';
  if (action === 'flag_content') return 'pending';
  return own || level === 'trusted' ? 'applied' : 'pending';
}
