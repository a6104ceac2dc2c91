import { type AudienceChannel, CHANNEL } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';

interface Listed {
  lastSeq: number;
  order: Epoch;
  nodes: Map<string, Span>;
}

/** What of a channel is for a node: from the entry that brought its first member to the one with which the last went. */
export interface Span {
  since: number;
  until: number;
}

/** In which epoch of its home this node orders a channel, and the last entry from before that. */
export interface Epoch {
  epoch: number;
  begun: number;
}

/** Which nodes have members in which channels of this one, as the channel service has it. */
export class Audience {
  #channels = new Map<string, Listed>();
  #byNode = new Map<string, Set<string>>();
  /** What was committed while a list is read, which the list may not have, by channel. */
  #meanwhile: Map<string, number> | undefined;

  constructor(private readonly bus: Bus) {}

  nodes(): string[] {
    return [...this.#byNode.keys()];
  }

  nodesOf(channelId: string): string[] {
    return [...(this.#channels.get(channelId)?.nodes.keys() ?? [])];
  }

  channelsOf(node: string): string[] {
    return [...(this.#byNode.get(node) ?? [])];
  }

  /** Undefined: no other node hears the channel. */
  epochOf(channelId: string): Epoch | undefined {
    return this.#channels.get(channelId)?.order;
  }

  spanOf(channelId: string, node: string): Span | undefined {
    return this.#channels.get(channelId)?.nodes.get(node);
  }

  /** The last entry that is there for the node. */
  lastSeq(channelId: string, node: string): number {
    const channel = this.#channels.get(channelId);
    return Math.min(channel?.lastSeq ?? 0, channel?.nodes.get(node)?.until ?? 0);
  }

  /** An entry was committed. */
  moved(channelId: string, seq: number): void {
    this.#meanwhile?.set(channelId, Math.max(seq, this.#meanwhile.get(channelId) ?? 0));
    const listed = this.#channels.get(channelId);
    if (listed !== undefined) listed.lastSeq = Math.max(listed.lastSeq, seq);
  }

  /** All channels, in pages. Not while another list is read. */
  async scan(): Promise<void> {
    this.#channels = await this.#reading(async () => {
      const channels = new Map<string, Listed>();
      for (let after: string | undefined, more = true; more;) {
        const page = await this.bus.request(CHANNEL.audience, after === undefined ? {} : { after });
        for (const channel of page.channels) channels.set(channel.channel_id, listed(channel));
        after = page.next;
        more = after !== undefined;
      }
      return channels;
    });
    this.#byNode = new Map();
    for (const [channelId, { nodes }] of this.#channels) this.#index(channelId, nodes);
  }

  /** One channel: its members have changed. Not while another list is read. */
  async refresh(channelId: string): Promise<void> {
    const fresh = await this.#reading(async () => {
      const { channels } = await this.bus.request(CHANNEL.audience, { channel_id: channelId });
      const some = channels.filter(({ channel_id, nodes }) => channel_id === channelId && nodes.length > 0);
      return new Map(some.map((channel) => [channelId, listed(channel)]));
    });
    this.forget(channelId);
    for (const [id, channel] of fresh) {
      this.#channels.set(id, channel);
      this.#index(id, channel.nodes);
    }
  }

  /** Nobody hears the channel, until it is read again. */
  forget(channelId: string): void {
    for (const node of this.nodesOf(channelId)) this.#byNode.get(node)?.delete(channelId);
    this.#channels.delete(channelId);
  }

  /** A list that knows of everything that was told until it is there: whoever wrote it may have read before. */
  async #reading(read: () => Promise<Map<string, Listed>>): Promise<Map<string, Listed>> {
    const meanwhile = new Map<string, number>();
    this.#meanwhile = meanwhile;
    try {
      const channels = await read();
      for (const [channelId, channel] of channels)
        channel.lastSeq = Math.max(channel.lastSeq, meanwhile.get(channelId) ?? 0);
      return channels;
    } finally {
      this.#meanwhile = undefined;
    }
  }

  #index(channelId: string, nodes: ReadonlyMap<string, Span>): void {
    for (const node of nodes.keys()) {
      const channels = this.#byNode.get(node) ?? new Set();
      this.#byNode.set(node, channels.add(channelId));
    }
  }
}

/** A channel service of the version before knows of no moves and names no epoch. */
function listed({ last_seq, home_epoch = 1, begun = 0, nodes }: AudienceChannel): Listed {
  return {
    lastSeq: last_seq,
    order: { epoch: home_epoch, begun },
    nodes: new Map(nodes.map(({ node_id, since, until = Infinity }) => [node_id, { since, until }])),
  };
}
