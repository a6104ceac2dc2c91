import { DcpError, NODE_ID } from '@dcp/protocol';

/** What this node's own commit says where the channel is a replica under the lock. */
export function isNotTheHome(error: unknown): boolean {
  return error instanceof DcpError && error.code === 'CONFLICT' && error.details['reason'] === 'not_the_home';
}

/** The answer to other nodes of one that was the home before: the same may be asked of the new one. */
export function movedTo(homeNode: string): DcpError {
  return new DcpError('NODE_UNREACHABLE', { reason: 'home_moved', home_node: homeNode });
}

/** The node that an answer of another node names as a channel's new home. */
export function newHomeIn(error: unknown): string | undefined {
  if (!(error instanceof DcpError) || error.details['reason'] !== 'home_moved') return undefined;
  const node = error.details['home_node'];
  return typeof node === 'string' && NODE_ID.test(node) ? node : undefined;
}
