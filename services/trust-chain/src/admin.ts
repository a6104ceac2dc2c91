import type { Session } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';

/** Whoever does not run the node gets 1002. */
export function requireAdmin(session: Session): void {
  if (!session.admin) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_the_owner' });
}
