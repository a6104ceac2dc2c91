import type { Peer } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import { nodeOf } from '../node/node-of.js';

/** A node speaks for its own users only. */
export function requireOwnUser({ node_id }: Peer, userId: string): void {
  if (nodeOf(userId) === node_id && userId !== node_id) return;
  throw foreignUser();
}

/** As `requireOwnUser`, but the node may also ask for itself. */
export function requireOwn(peer: Peer, asker: string): void {
  if (asker !== peer.node_id) requireOwnUser(peer, asker);
}

export function foreignUser(): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason: 'foreign_user' });
}

export function isKnown({ trust }: Peer): boolean {
  return trust === 'trusted' || trust === 'monitored';
}

/** §10.3: a node that nobody has rated. */
export function requireKnown(peer: Peer): void {
  if (isKnown(peer)) return;
  throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'unknown_node' });
}
