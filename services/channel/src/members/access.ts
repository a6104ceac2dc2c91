import { DcpError, type Visibility } from '@dcp/protocol';

/**
 * The answer to whoever is no member: that a public channel is there is no secret, of others it is (§9.2). The answer is then the one
 * for a channel that does not exist.
 */
export function notAMember(visibility: Visibility): DcpError {
  if (visibility !== 'public') return new DcpError('CHANNEL_NOT_FOUND');
  return new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_a_member' });
}
