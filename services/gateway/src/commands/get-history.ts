import { CHANNEL, type Entry } from '@dcp/contracts';
import { DEFAULT_PAGE, getHistory, MAX_PAGE, viewerName } from '@dcp/protocol';
import { deliveredMessage } from '../fanout/delivery.js';
import { command } from './command.js';

/** A page of history over the socket: as the REST one, and forwards from a `seq` too. */
export const getHistoryCommand = command({
  name: 'get_history',
  schema: getHistory,
  cost: 3,
  async run(caller, { channel, limit = DEFAULT_PAGE, before, after }, { bus, directory }) {
    const { user_id } = caller.session;
    const { channel_id } = await directory.resolve(channel, user_id);
    const request = { channel_id, user_id, before, after, limit: Math.min(limit, MAX_PAGE) };
    const page = await bus.request(CHANNEL.history, request);
    const blocked = caller.user?.blocked ?? null;
    const name = viewerName(page.name, user_id);
    return {
      channel: name,
      channel_id,
      messages: visibleMessages(page.entries, name, blocked),
      first_seq: page.entries[0]?.seq ?? null,
      last_seq: page.entries.at(-1)?.seq ?? null,
      has_more: page.has_more,
      next_cursor: page.has_more ? (page.entries[0]?.id ?? null) : null,
    };
  },
});

/** The messages of a page as this viewer may see them: nothing wiped, nobody he blocked. */
export function visibleMessages(entries: readonly Entry[], name: string, blocked: Set<string> | null): unknown[] {
  return entries
    .filter((entry) => entry.body !== '' && blocked?.has(entry.author) !== true)
    .map((entry) => JSON.parse(deliveredMessage(entry, name)) as unknown);
}
