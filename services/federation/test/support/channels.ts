import { type AudienceNode, at, CHANNEL, type Entry, PEER } from '@dcp/contracts';
import { DcpError, type OrderStatement } from '@dcp/protocol';
import type { TestNode } from './node.js';

export const channelId = (name: string) => `ch_${name.padEnd(52, 'a')}`;

/** The place of the channel service of a home: a log for each channel, and who listens. */
export class HomeChannels {
  readonly #logs = new Map<string, Entry[]>();
  readonly #audience = new Map<string, AudienceNode[]>();
  readonly #orders = new Map<string, { home_epoch: number; begun: number }>();

  constructor(private readonly node: TestNode) {
    const { bus } = node;
    bus.serve(
      CHANNEL.range,
      ({ channel_id, after, limit }) => {
        const log = this.log(channel_id);
        return { channel_id, name: '#room', entries: log.slice(after, after + limit), head: log.length };
      },
      'channel',
    );
    bus.serve(
      CHANNEL.audience,
      ({ channel_id }) => {
        const channels = [...this.#audience].map(([id, nodes]) => ({
          channel_id: id,
          last_seq: this.log(id).length,
          ...(this.#orders.get(id) ?? { home_epoch: 1, begun: 0 }),
          nodes,
        }));
        return { channels: channels.filter(({ channel_id: id }) => channel_id === undefined || id === channel_id) };
      },
      'channel',
    );
  }

  log(channelId: string): Entry[] {
    const log = this.#logs.get(channelId) ?? [];
    this.#logs.set(channelId, log);
    return log;
  }

  /** Commits entries and tells it, as the channel service does. */
  post(channelId: string, count: number, type = 'text', size = 10): void {
    const log = this.log(channelId);
    for (let made = 0; made < count; made++) {
      const seq = log.length + 1;
      const body = JSON.stringify({ n: seq, text: 'x'.repeat(size) });
      const entries = [{ seq, id: `msg_${seq}`, type, author: 'a.b', received_at: new Date().toISOString(), body }];
      log.push(...entries);
      this.node.bus.publish(at(CHANNEL.entries, channelId), { channel_id: channelId, name: '#room', entries });
    }
  }

  /** Another node's first member has come, with the entry that says so. */
  join(channelId: string, node_id: string): void {
    const nodes = this.#audience.get(channelId) ?? [];
    this.#audience.set(channelId, [
      ...nodes.filter((one) => one.node_id !== node_id),
      { node_id, since: this.log(channelId).length + 1 },
    ]);
    this.post(channelId, 1, 'system');
  }

  /** What a replica of another home has, and who hears it from here now. */
  copy(channelId: string, log: Entry[], nodes: AudienceNode[]): void {
    this.#logs.set(channelId, [...log]);
    this.#audience.set(channelId, nodes);
  }

  /** The home has moved, away from here or to here: entries behind `begun` are of the epoch. */
  orders(channelId: string, home_epoch: number, begun: number): void {
    this.#orders.set(channelId, { home_epoch, begun });
    this.node.bus.publish(CHANNEL.homeMoved, { channel_id: channelId });
  }

  /** The last member has gone. */
  leave(channelId: string, node_id: string): void {
    const nodes = this.#audience.get(channelId) ?? [];
    const until = this.log(channelId).length + 1;
    this.#audience.set(
      channelId,
      nodes.map((one) => (one.node_id === node_id ? { ...one, until } : one)),
    );
    this.post(channelId, 1, 'system');
  }
}

/** The place of the channel service of a reader: takes entries in order, each once, as replicas do. */
export class Replicas {
  readonly batches: { from: string; order: OrderStatement; seqs: number[] }[] = [];
  readonly #logs = new Map<string, Entry[]>();
  /** Thrown instead of an answer. */
  failing: DcpError | undefined;
  /** Takes the entries, then fails: its answer is lost. */
  losing = false;

  constructor(node: TestNode) {
    node.bus.serve(PEER.entries, ({ peer, body }) => this.#take(peer.node_id, body), 'channel');
  }

  seqs(channelId: string): number[] {
    return (this.#logs.get(channelId) ?? []).map(({ seq }) => seq);
  }

  bodies(channelId: string): string[] {
    return (this.#logs.get(channelId) ?? []).map(({ body }) => body);
  }

  /** As after a restore of an older backup. */
  forgetAfter(channelId: string, seq: number): void {
    this.#logs.set(
      channelId,
      (this.#logs.get(channelId) ?? []).filter((entry) => entry.seq <= seq),
    );
  }

  #take(from: string, { channel_id, entries, order }: { channel_id: string; entries: Entry[]; order: OrderStatement }) {
    if (this.failing !== undefined) throw this.failing;
    this.batches.push({ from, order, seqs: entries.map(({ seq }) => seq) });
    const log = this.#logs.get(channel_id) ?? [];
    this.#logs.set(channel_id, log);
    const last = log.at(-1)?.seq;
    const fresh = entries.filter(({ seq }) => last === undefined || seq > last);
    if (last !== undefined && fresh[0] !== undefined && fresh[0].seq !== last + 1)
      throw new DcpError('CONFLICT', { reason: 'gap', last_seq: last });
    log.push(...fresh);
    if (this.losing) throw new DcpError('MAINTENANCE_MODE', { reason: 'timeout' });
    return { last_seq: log.at(-1)?.seq ?? 0 };
  }
}
