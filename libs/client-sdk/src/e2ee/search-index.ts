import { fromUtf8, toUtf8 } from '@dcp/crypto';
import type { Storage } from '../storage/storage.js';
import type { MonthKeys } from './month-keys.js';
import { monthAt } from './month-keys.js';
import { SerialByKey } from './serial.js';

const PREFIX = 'index/';
/** Messages of one segment: small enough to be rewritten with each batch, large enough that few are read by a search. */
const SEGMENT_MESSAGES = 200;
/** Words of one message that are indexed, and their length. */
const MAX_WORDS = 400;
const MAX_WORD_LENGTH = 40;

export interface Indexed {
  channelId: string;
  id: string;
  timestamp: string;
  text: string;
}

/** Message ids in order, and for each word the places of those that have it. */
interface Segment {
  ids: string[];
  words: Record<string, number[]>;
}

export interface SearchHit {
  channelId: string;
  id: string;
}

interface OpenSegment {
  name: string;
  segment: Segment;
  dirty: boolean;
}

/** A segment is written at most this often: a crash costs that much of the index, never a message. */
const SAVE_PAUSE_MS = 1_000;
/** Segments held open; of more, the oldest are written and let go. */
const MAX_OPEN = 100;

/**
 * Words to messages, on this device only and sealed under the archive's monthly keys (DCP-15.1): what is encrypted end to end can be
 * searched nowhere else. One row of segments for each channel and month.
 */
export class SearchIndex {
  private readonly lines = new SerialByKey();
  /** The segment that is being filled, by channel and month. */
  private readonly filling = new Map<string, OpenSegment>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly storage: Storage,
    private readonly months: MonthKeys,
  ) {}

  /** Adding a message again does no harm. */
  async add(messages: readonly Indexed[]): Promise<void> {
    const rows = new Map<string, Indexed[]>();
    for (const message of messages) {
      const row = `${message.channelId}/${monthAt(message.timestamp)}`;
      rows.set(row, [...(rows.get(row) ?? []), message]);
    }
    for (const [row, added] of rows) await this.lines.run(row, () => this.addTo(row, added));
  }

  /** Messages that hold every word of the query (the last one as a prefix), newest months first. */
  async search(
    query: string,
    { channelId, limit = 50 }: { channelId?: string; limit?: number } = {},
  ): Promise<SearchHit[]> {
    const words = wordsOf(query);
    if (words.length === 0) return [];
    await this.flush();
    const names = await this.storage.keys(channelId === undefined ? PREFIX : `${PREFIX}${channelId}/`);
    const hits = new Map<string, SearchHit>();
    for (const name of names.sort(newestFirst)) {
      const channel = name.slice(PREFIX.length).split('/')[0] ?? '';
      for (const id of matches(await this.load(name), words)) hits.set(id, { channelId: channel, id });
      if (hits.size >= limit) break;
    }
    return [...hits.values()].slice(0, limit);
  }

  /** Writes what was added. */
  async flush(): Promise<void> {
    clearTimeout(this.timer);
    this.timer = undefined;
    for (const [row, open] of this.filling) await this.lines.run(row, () => this.saveOpen(open));
    for (const row of [...this.filling.keys()].slice(0, Math.max(0, this.filling.size - MAX_OPEN)))
      this.filling.delete(row);
  }

  private async addTo(row: string, messages: readonly Indexed[]): Promise<void> {
    let open = this.filling.get(row) ?? (await this.lastOf(row));
    for (const message of messages) {
      if (open.segment.ids.length >= SEGMENT_MESSAGES) {
        await this.saveOpen(open);
        open = { name: nextName(row, open.name), segment: emptySegment(), dirty: true };
      }
      place(open.segment, message);
      open.dirty = true;
    }
    this.filling.delete(row);
    this.filling.set(row, open);
    this.timer ??= setTimeout(() => void this.flush().catch(() => undefined), SAVE_PAUSE_MS);
  }

  private async saveOpen(open: OpenSegment): Promise<void> {
    if (!open.dirty) return;
    open.dirty = false;
    await this.save(open.name, open.segment);
  }

  private async lastOf(row: string): Promise<OpenSegment> {
    const last = (await this.storage.keys(`${PREFIX}${row}/`)).at(-1);
    if (last === undefined) return { name: nextName(row), segment: emptySegment(), dirty: false };
    return { name: last, segment: await this.load(last), dirty: false };
  }

  private async load(name: string): Promise<Segment> {
    const sealed = await this.storage.get<string>(name);
    const bytes = sealed === undefined ? undefined : await this.months.open(sealed, name);
    return bytes === undefined ? emptySegment() : (JSON.parse(fromUtf8(bytes)) as Segment);
  }

  private async save(name: string, segment: Segment): Promise<void> {
    const month = name.slice(PREFIX.length).split('/')[1] ?? '';
    await this.storage.set(name, await this.months.seal(month, name, toUtf8(JSON.stringify(segment))));
  }
}

/** Lower-case letters and digits; accents are kept. */
export function wordsOf(text: string): string[] {
  const found =
    text
      .normalize('NFKC')
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return [...new Set(found.map((word) => word.slice(0, MAX_WORD_LENGTH)))].slice(0, MAX_WORDS);
}

function place({ ids, words }: Segment, { id, text }: Indexed): void {
  if (ids.includes(id)) return;
  const at = ids.push(id) - 1;
  // A word may be called `constructor`.
  for (const word of wordsOf(text)) (Object.hasOwn(words, word) ? words[word] : (words[word] = []))?.push(at);
}

function matches({ ids, words }: Segment, query: readonly string[]): string[] {
  const last = query.at(-1) ?? '';
  const sets = query.map(
    (word) => new Set(word === last ? withPrefix(words, word) : Object.hasOwn(words, word) ? words[word] : []),
  );
  return ids.filter((_, at) => sets.every((set) => set.has(at))).toReversed();
}

function withPrefix(words: Segment['words'], prefix: string): number[] {
  return Object.entries(words).flatMap(([word, places]) => (word.startsWith(prefix) ? places : []));
}

function emptySegment(): Segment {
  return { ids: [], words: Object.create(null) as Segment['words'] };
}

function nextName(row: string, after?: string): string {
  const number = after === undefined ? 0 : Number(after.slice(after.lastIndexOf('/') + 1)) + 1;
  return `${PREFIX}${row}/${String(number).padStart(6, '0')}`;
}

/** By month and number, whatever the channel. */
function newestFirst(a: string, b: string): number {
  const key = (name: string) => name.slice(name.indexOf('/', PREFIX.length));
  return key(b) < key(a) ? -1 : key(b) > key(a) ? 1 : 0;
}
