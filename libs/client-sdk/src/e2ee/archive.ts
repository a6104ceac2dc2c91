import { fromUtf8, toUtf8 } from '@dcp/crypto';
import type { Storage } from '../storage/storage.js';
import { monthAt, type MonthKeys } from './month-keys.js';
import { SearchIndex, type Indexed } from './search-index.js';

const PREFIX = 'archive/';
/** Without an archive, what one has just sent is kept in memory until the node has echoed it. */
const MAX_UNARCHIVED = 1_000;

export interface Archived {
  content: Record<string, unknown>;
  author: string;
  timestamp: string;
  type: string;
}

export interface Found extends Archived {
  channelId: string;
  id: string;
}

/**
 * What was read and written, on this device, under monthly keys: one-time keys are deleted on use, so this is what makes history readable
 * again (profile §5). Off for accounts that leave no trace.
 */
export class Archive {
  private readonly sent = new Map<string, Archived>();
  private readonly index: SearchIndex;

  constructor(
    private readonly storage: Storage,
    private readonly months: MonthKeys,
    readonly enabled: boolean,
  ) {
    this.index = new SearchIndex(storage, months);
  }

  /** The record to be written together with the used-up key; undefined where nothing is kept. */
  async record(channelId: string, id: string, archived: Archived): Promise<[string, string] | undefined> {
    if (!this.enabled) return undefined;
    const name = nameOf(channelId, id);
    const sealed = await this.months.seal(monthAt(archived.timestamp), name, toUtf8(JSON.stringify(archived)));
    return [name, sealed];
  }

  /** What one writes oneself: no key opens it again. */
  async keepSent(channelId: string, id: string, archived: Archived): Promise<void> {
    const record = await this.record(channelId, id, archived);
    if (record !== undefined) return await this.storage.set(...record);
    this.sent.set(id, archived);
    const oldest = this.sent.keys().next();
    if (this.sent.size > MAX_UNARCHIVED && oldest.done !== true) this.sent.delete(oldest.value);
  }

  async find(channelId: string, id: string): Promise<Archived | undefined> {
    const sent = this.sent.get(id);
    if (sent !== undefined) return sent;
    const name = nameOf(channelId, id);
    const sealed = await this.storage.get<string>(name);
    const bytes = sealed === undefined ? undefined : await this.months.open(sealed, name);
    return bytes === undefined ? undefined : (JSON.parse(fromUtf8(bytes)) as Archived);
  }

  /** Makes messages findable; they are in the archive already. */
  async addToIndex(messages: readonly (Archived & { channelId: string; id: string })[]): Promise<void> {
    if (!this.enabled) return;
    const indexed = messages.map(({ channelId, id, timestamp, content }): Indexed => {
      const text = content['text'];
      return { channelId, id, timestamp, text: typeof text === 'string' ? text : '' };
    });
    await this.index.add(indexed.filter(({ text }) => text !== ''));
  }

  /** Keeps messages that the node may read too: a search covers them, and they are there without a network. */
  async keepReadable(messages: readonly Found[]): Promise<void> {
    if (!this.enabled) return;
    const changes = new Map<string, unknown>();
    for (const { channelId, id, ...archived } of messages) {
      const record = await this.record(channelId, id, archived);
      if (record !== undefined) changes.set(...record);
    }
    await this.storage.apply(changes);
    await this.addToIndex(messages);
  }

  /** Writes what the index holds in memory. */
  flush(): Promise<void> {
    return this.index.flush();
  }

  /** What was read or written on this device and holds every word of the query (the last as a prefix). */
  async search(query: string, options: { channelId?: string; limit?: number } = {}): Promise<Found[]> {
    const found: Found[] = [];
    for (const { channelId, id } of await this.index.search(query, options)) {
      const archived = await this.find(channelId, id);
      if (archived !== undefined) found.push({ ...archived, channelId, id });
    }
    return found;
  }

  /** Ids of what is kept of a channel. */
  async ids(channelId: string): Promise<string[]> {
    const prefix = `${PREFIX}${channelId}/`;
    return (await this.storage.keys(prefix)).map((name) => name.slice(prefix.length));
  }

  async channels(): Promise<string[]> {
    const names = await this.storage.keys(PREFIX);
    return [...new Set(names.map((name) => name.slice(PREFIX.length).split('/')[0] ?? ''))];
  }

  async forget(channelId: string): Promise<void> {
    const names = await this.storage.keys(`${PREFIX}${channelId}/`);
    await this.storage.apply(new Map(names.map((name) => [name, undefined])));
  }
}

function nameOf(channelId: string, id: string): string {
  return `${PREFIX}${channelId}/${id}`;
}
