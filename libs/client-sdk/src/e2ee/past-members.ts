import { stateEntrySchema, signedGenesisSchema, parseWith, type DeliveredMessage } from '@dcp/protocol';
import { chainFromGenesis, followChain, type ChannelState } from './channel-chain.js';
import type { ChannelStates, StatePage } from './channel-states.js';
import type { NodePort } from './node-port.js';

/** Entries that are read again for one question. */
const MAX_ENTRIES = 5_000;
const MAX_CACHED = 64;

/** Who was a member of a channel when an earlier entry of its state was the last one. */
export class PastMembers {
  private readonly cache = new Map<string, ReadonlySet<string>>();

  constructor(
    private readonly states: ChannelStates,
    private readonly node: NodePort,
  ) {}

  /** Undefined: the node shows no chain that leads there, or one that is too long to be read again. Throws ChainError, DcpError. */
  async at(channelId: string, head: string | null): Promise<ReadonlySet<string> | undefined> {
    const state = await this.states.get(channelId);
    if (state.head === head || state.visibility === 'dm') return new Set(Object.keys(state.members));
    const cached = this.cache.get(`${channelId} ${head}`);
    if (cached !== undefined) return cached;
    const members = await this.replay(channelId, head);
    return members === undefined ? undefined : this.remember(`${channelId} ${head}`, new Set(Object.keys(members)));
  }

  /** Each entry names the hash of the one before it, down to the genesis: a past that leads to this head is the past of this head. */
  private async replay(channelId: string, head: string | null): Promise<ChannelState['members'] | undefined> {
    let state: ChannelState | undefined;
    for (let read = 0; read < MAX_ENTRIES;) {
      const page = await this.page(channelId, state?.seq ?? 0);
      state ??= startOf(channelId, page);
      for (const entry of page.entries) {
        state = followChain(state, entryOf(entry), entry.node.seq);
        if (state.head === head) return state.members;
      }
      read += page.entries.length;
      if (!page.has_more || page.entries.length === 0) return undefined;
    }
    return undefined;
  }

  private page(channel: string, after: number): Promise<StatePage> {
    return this.node.command<StatePage>('get_state', { channel, after });
  }

  private remember(key: string, members: ReadonlySet<string>): ReadonlySet<string> {
    this.cache.set(key, members);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED && oldest.done !== true) this.cache.delete(oldest.value);
    return members;
  }
}

function startOf(channelId: string, page: StatePage): ChannelState {
  const signed = parseWith(signedGenesisSchema, { genesis: page.genesis, signature: page.genesis_signature });
  return chainFromGenesis(channelId, signed.genesis, signed.signature);
}

function entryOf({ channel: _channel, node: _node, ...entry }: DeliveredMessage) {
  return parseWith(stateEntrySchema, entry);
}
