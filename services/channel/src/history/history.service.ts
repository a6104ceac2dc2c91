import type { Entry, EntryBatch, HistoryPage, HistoryRequest, RangeRequest } from '@dcp/contracts';
import { DcpError, MAX_PAGE } from '@dcp/protocol';
import { notAMember } from '../members/access.js';
import type { MembershipStore } from '../members/membership.store.js';
import type { HistoryStore } from './history.store.js';
import { fitting } from './page.js';

/** Entries of one catch-up page at most. */
const MAX_RANGE = 500;

export interface HistoryParts {
  history: HistoryStore;
  members: MembershipStore;
}

/** §8.3 and profile §4: the log, for its members; and for gateways that fill a gap. */
export class HistoryService {
  constructor(private readonly parts: HistoryParts) {}

  /** A page before a message, or after a `seq`; without either the newest. */
  async history({ channel_id, user_id, before, after, limit }: HistoryRequest): Promise<HistoryPage> {
    const { name } = await this.#inspect(channel_id, user_id);
    const size = clamp(limit, MAX_PAGE);
    const { history } = this.parts;
    if (after !== undefined) return { name, ...cut(await history.entriesAfter(channel_id, after, size + 1), size) };
    const newest = before === undefined ? Number.MAX_SAFE_INTEGER : await this.#seqOf(channel_id, before);
    const { entries, has_more } = cut(await history.entriesBefore(channel_id, newest, size + 1), size);
    return { name, entries: entries.toReversed(), has_more };
  }

  /** Consecutive entries after a `seq`, and the head at the moment before they were read. */
  async range({ channel_id, after, limit, user_id }: RangeRequest): Promise<EntryBatch & { head: number }> {
    const { name, last_seq } = await this.#inspect(channel_id, user_id);
    const entries = fitting(await this.parts.history.entriesAfter(channel_id, after, clamp(limit, MAX_RANGE)));
    return { channel_id, name, entries, head: Math.max(last_seq, entries.at(-1)?.seq ?? 0) };
  }

  heads(channelIds: string[]): Promise<Record<string, number>> {
    return this.parts.history.heads(channelIds);
  }

  /** Membership is asked for only where a user is named: a gateway fills gaps for all its sockets at once. */
  async #inspect(channelId: string, userId: string | undefined): Promise<{ name: string; last_seq: number }> {
    const found = await this.parts.members.inspect(channelId, userId ?? '');
    if (found === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    if (userId !== undefined && found.role === null) throw notAMember(found.visibility);
    return found;
  }

  async #seqOf(channelId: string, messageId: string): Promise<number> {
    const seq = await this.parts.history.findSeq(channelId, messageId);
    if (seq === undefined) throw new DcpError('MESSAGE_NOT_FOUND');
    return seq;
  }
}

/** `read` has one entry more than the page when there are more; it may have been cut for its bytes as well. */
function cut(read: Entry[], size: number): { entries: Entry[]; has_more: boolean } {
  const entries = fitting(read.slice(0, size));
  return { entries, has_more: entries.length < read.length };
}

function clamp(limit: number, most: number): number {
  return Math.min(Math.max(Math.trunc(limit) || 1, 1), most);
}
