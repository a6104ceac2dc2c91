import type { Entry, EntryBatch, HistoryPage, HistoryRequest, RangeRequest } from '@dcp/contracts';
import { DcpError, MAX_PAGE } from '@dcp/protocol';
import { notAMember } from '../members/access.js';
import type { MembershipStore, Place } from '../members/membership.store.js';
import type { Asks } from '../replicas/asks.js';
import type { HistoryStore } from './history.store.js';
import { fitting } from './page.js';

/** Entries of one catch-up page at most. */
const MAX_RANGE = 500;

export interface HistoryParts {
  history: HistoryStore;
  members: MembershipStore;
  asks: Asks;
  nodeId: string;
}

/**
 * §8.3 and profile §4: the log, for its members; and for gateways that fill a gap. What another node's channel held before anybody of this
 * node was in it is asked of its home, page by page, and not kept: a replica has no gaps, and nobody may want all of it.
 */
export class HistoryService {
  constructor(private readonly parts: HistoryParts) {}

  /** A page before a message, or after a `seq`; without either the newest. */
  async history(request: HistoryRequest): Promise<HistoryPage> {
    const { channel_id, user_id } = request;
    const place = await this.#inspect(channel_id, user_id);
    const { replica } = place;
    if (replica === null) return this.page(request, place.name);
    const isOlder = await this.#older(request, replica.from);
    if (isOlder) return this.#pageOfHome(replica.home, request, place.name);
    const page = await this.page(request, place.name);
    if (request.after !== undefined) return page;
    // Below the beginning of the replica stand state entries only.
    const entries = page.entries.filter(({ seq }) => seq >= replica.from);
    if (entries.length === 0 && replica.from > 1) return this.#pageOfHome(replica.home, request, place.name);
    return { ...page, entries, has_more: page.has_more || replica.from > 1 };
  }

  /** As `history`, for whoever may read it. */
  async page({ channel_id, before, after, limit }: HistoryRequest, name: string): Promise<HistoryPage> {
    const size = clamp(limit, MAX_PAGE);
    const { history } = this.parts;
    if (after !== undefined) return { name, ...cut(await history.entriesAfter(channel_id, after, size + 1), size) };
    const newest = before === undefined ? Number.MAX_SAFE_INTEGER : await this.#seqOf(channel_id, before);
    const { entries, has_more } = cut(await history.entriesBefore(channel_id, newest, size + 1), size);
    return { name, entries: entries.toReversed(), has_more };
  }

  /** Consecutive entries after a `seq`, and the head at the moment before they were read. */
  async range({ channel_id, after, limit, user_id }: RangeRequest): Promise<EntryBatch & { head: number }> {
    const { name, last_seq, replica } = await this.#inspect(channel_id, user_id);
    const most = clamp(limit, MAX_RANGE);
    const entries =
      replica !== null && after + 1 < replica.from
        ? await this.#rangeOfHome(replica.home, { channel_id, after, limit: most, user_id })
        : fitting(await this.parts.history.entriesAfter(channel_id, after, most));
    return { channel_id, name, entries, head: Math.max(last_seq, entries.at(-1)?.seq ?? 0) };
  }

  heads(channelIds: string[]): Promise<Record<string, number>> {
    return this.parts.history.heads(channelIds);
  }

  /** Membership is asked for only where a user is named: a gateway fills gaps for all its sockets at once. */
  async #inspect(channelId: string, userId: string | undefined): Promise<Place> {
    const found = await this.parts.members.inspect(channelId, userId ?? '');
    if (found === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    if (userId !== undefined && found.role === null) throw notAMember(found.visibility);
    return found;
  }

  /** Whether a page begins before the replica does. */
  async #older({ channel_id, before, after }: HistoryRequest, from: number): Promise<boolean> {
    if (after !== undefined) return after + 1 < from;
    if (before === undefined) return false;
    const seq = await this.parts.history.findSeq(channel_id, before);
    return seq === undefined || seq <= from;
  }

  async #pageOfHome(home: string, request: HistoryRequest, name: string): Promise<HistoryPage> {
    const { entries, has_more } = await this.parts.asks.ask(home, 'channel_history', { ...request });
    return { name, entries: fitting(entries), has_more };
  }

  /** Where no user is named the node asks for itself: its home knows that it has members in the channel. */
  async #rangeOfHome(home: string, { channel_id, after, limit, user_id }: RangeRequest): Promise<Entry[]> {
    const request = { channel_id, user_id: user_id ?? this.parts.nodeId, after, limit: Math.min(limit, MAX_PAGE) };
    const { entries } = await this.parts.asks.ask(home, 'channel_history', request);
    return fitting(entries.filter(({ seq }, i) => seq === after + 1 + i));
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
