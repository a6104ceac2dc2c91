import { DcpError } from './errors.js';
import type { Genesis } from './genesis.js';
import { checkAuthors } from './handover-authors.js';
import { type Handover, handoverInput, MAX_BY_ADMINS, MAX_HANDOVERS } from './handover.js';

/** Where a chain of hand-overs leads. */
export interface HomeAfter {
  home: string;
  epoch: number;
  /** `sha256:` of the last hand-over: the `prev` of the next; null where there is none. */
  head: string | null;
}

/**
 * Follows a chain from the home that the genesis names. Each hand-over must be the owner's, or that of enough of his admins, of this channel,
 * from the home before it and follow it by hash and epoch. Signatures are the caller's to check; `hashOf` gives the `sha256:` text of bytes.
 * Throws FEDERATION_ERROR with the reason `handover_author`, `quorum`, `consent_time`, `handover_chain` or `too_many_handovers`.
 */
export function homeAfter(
  channelId: string,
  genesis: Pick<Genesis, 'home_node' | 'creator'>,
  chain: readonly Handover[],
  hashOf: (bytes: Uint8Array) => string,
): HomeAfter {
  const byAdmins = chain.filter(({ mandate }) => mandate !== undefined).length;
  if (chain.length > MAX_HANDOVERS || byAdmins > MAX_BY_ADMINS) throw wrong('too_many_handovers');
  let at: HomeAfter = { home: genesis.home_node, epoch: 1, head: null };
  for (const one of chain) {
    checkAuthors(one, channelId, genesis.creator);
    if (!follows(one, channelId, at)) throw wrong('handover_chain');
    at = { home: one.to_node, epoch: one.epoch, head: hashOf(handoverInput(one)) };
  }
  return at;
}

function follows(next: Handover, channelId: string, { home, epoch, head }: HomeAfter): boolean {
  const isNext = next.epoch === epoch + 1 && next.prev === head;
  return isNext && next.channel_id === channelId && next.from_node === home && next.to_node !== home;
}

function wrong(reason: string): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason });
}
