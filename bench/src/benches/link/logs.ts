import { at, CHANNEL, type Entry, PEER, type PeerPost, type PostResult } from '@dcp/contracts';
import { canonicalJson } from '@dcp/protocol';
import type { House } from './house.js';

/** Entries of a channel that are kept, at least: a reader that is further behind would be a fault of the bench. */
const KEPT = 4_000;

interface Log {
  entries: Entry[];
  last: number;
}

/** In the place of the home's channel service: orders what it is given in memory, at once, and says so as that one does. */
export class HomeLogs {
  readonly #logs = new Map<string, Log>();
  /** Sealed messages that came (§10.2). */
  delivered = 0;

  /** `heard`: channels in which the other node has members. */
  constructor(
    private readonly home: House,
    private readonly reader: string,
    private readonly heard: readonly string[],
  ) {
    const { bus } = home;
    bus.serve(PEER.channel_post, ({ body }) => ({ results: this.#order(body.posts) }), 'channel');
    bus.serve(PEER.route_message, () => ({ delivered: ++this.delivered }), 'keys');
    bus.serve(CHANNEL.audience, () => ({ channels: heard.map((id) => this.#audience(id)) }), 'channel');
    bus.serve(CHANNEL.range, ({ channel_id, after, limit }) => this.#range(channel_id, after, limit), 'channel');
  }

  #order(posts: readonly PeerPost[]): PostResult[] {
    const fresh = new Map<string, Entry[]>();
    const results = posts.map(({ channel_id, message }): PostResult => {
      const log = this.#log(channel_id);
      const [id, type, author] = [String(message['id']), String(message['type']), String(message['author'])];
      const timestamp = new Date().toISOString();
      const entry = { seq: ++log.last, id, type, author, received_at: timestamp, body: canonicalJson(message) };
      fresh.set(channel_id, [...(fresh.get(channel_id) ?? []), entry]);
      return { ok: { message_id: id, seq: entry.seq, timestamp, state: 'ordered' } };
    });
    for (const [channelId, entries] of fresh) if (this.heard.includes(channelId)) this.#tell(channelId, entries);
    return results;
  }

  #tell(channel_id: string, entries: Entry[]): void {
    const log = this.#log(channel_id);
    log.entries.push(...entries);
    if (log.entries.length > 2 * KEPT) log.entries = log.entries.slice(-KEPT);
    this.home.bus.publish(at(CHANNEL.entries, channel_id), { channel_id, name: '#bench', entries });
  }

  #audience(channel_id: string) {
    const nodes = [{ node_id: this.reader, since: 1 }];
    return { channel_id, last_seq: this.#log(channel_id).last, home_epoch: 1, begun: 0, nodes };
  }

  #range(channel_id: string, after: number, limit: number) {
    const { entries, last } = this.#log(channel_id);
    const first = entries[0]?.seq ?? 1;
    if (after < first - 1) throw new Error('the reader is further behind than the bench keeps entries');
    const page = entries.slice(after - first + 1, after - first + 1 + limit);
    return { channel_id, name: '#bench', entries: page, head: last };
  }

  #log(channelId: string): Log {
    const log = this.#logs.get(channelId) ?? { entries: [], last: 0 };
    this.#logs.set(channelId, log);
    return log;
  }
}

/** In the place of the reader's channel service: takes what follows, and counts it. */
export class ReaderLogs {
  readonly #last = new Map<string, number>();
  batches = 0;
  entries = 0;

  constructor({ bus }: House) {
    bus.serve(
      PEER.entries,
      ({ body: { channel_id, entries } }) => {
        const last = this.#last.get(channel_id) ?? 0;
        const fresh = entries.filter(({ seq }) => seq > last);
        if (fresh.length > 0 && fresh[0]?.seq !== last + 1) throw new Error('entries are missing');
        this.#last.set(channel_id, fresh.at(-1)?.seq ?? last);
        this.batches++;
        this.entries += fresh.length;
        return { last_seq: fresh.at(-1)?.seq ?? last };
      },
      'channel',
    );
  }
}
