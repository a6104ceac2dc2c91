import {
  DcpError,
  parseWith,
  signedGenesisSchema,
  stateEntrySchema,
  type DeliveredMessage,
  type Genesis,
  type StateEntry,
  type Visibility,
} from '@dcp/protocol';
import type { EventHub } from '../events.js';
import type { Storage } from '../storage/storage.js';
import { ChainError, chainFromGenesis, dmState, extendChain, withMandate, type ChannelState } from './channel-chain.js';
import type { DeviceDirectory } from './device-directory.js';
import { isTakenBack } from './lost-home.js';
import { appendedAlone, deviceAt, DeviceLogError, signingKeyOf, type VerifiedLog } from './device-log.js';
import type { NodePort } from './node-port.js';
import { SerialByKey } from './serial.js';

const PREFIX = 'e2ee/channel/';
const MAX_CACHED = 1_000;

export interface StatePage {
  channel: string;
  visibility: Visibility;
  genesis: Genesis | null;
  genesis_signature: string | null;
  entries: DeliveredMessage[];
  has_more: boolean;
  /** Of the chain's last entry, as the node has it. */
  state_head?: string | null;
}

export interface InviteLinkProof {
  key: string;
  proof: string;
}

/** The verified state of every `e2ee` channel one has to do with. */
export class ChannelStates {
  private readonly cache = new Map<string, ChannelState>();
  private readonly lines = new SerialByKey();

  constructor(
    private readonly userId: string,
    private readonly storage: Storage,
    private readonly node: NodePort,
    private readonly directory: DeviceDirectory,
    private readonly events: EventHub,
  ) {}

  /** The state as far as it is known here; read whole from the node the first time. Throws ChainError, DcpError. */
  async get(channelId: string): Promise<ChannelState> {
    return (await this.load(channelId)) ?? (await this.refresh(channelId));
  }

  /** Reads on from where the state was known, and checks. */
  async refresh(channelId: string, link?: InviteLinkProof): Promise<ChannelState> {
    return await this.lines.run(channelId, () => this.read(channelId, link));
  }

  /** A state entry that came with the channel's stream, in its order. Answers the state after it. */
  async accept(entry: DeliveredMessage): Promise<ChannelState> {
    const channelId = entry.channel_id;
    return await this.lines.run(channelId, async () => {
      const state = await this.load(channelId);
      if (state === undefined) return await this.read(channelId);
      if (entry.node.seq <= state.seq) return state;
      // An entry in between was not delivered here: the rest is read.
      if (entry['prev_state'] !== state.head) return await this.read(channelId);
      return await this.extend(state, [entry]);
    });
  }

  /**
   * A member speaks under a later epoch than we know: somebody was removed, and the node has not said so. If it does not when asked, the
   * channel is marked, and nothing is sent there until it does.
   */
  async noteEpoch(channelId: string, epoch: number): Promise<ChannelState> {
    let state = await this.get(channelId);
    if (epoch > state.epoch) state = await this.refresh(channelId);
    if (epoch <= state.epoch) return state;
    return await this.lines.run(channelId, async () => {
      const marked = { ...((await this.load(channelId)) ?? state), seenEpoch: epoch };
      await this.keep(marked);
      this.events.emit('channelConflict', { channelId, reason: 'hidden_change' });
      return marked;
    });
  }

  /** The state to send by. Throws ChainError `hidden_change` while the node hides one. */
  async forSending(channelId: string): Promise<ChannelState> {
    let state = await this.get(channelId);
    if ((state.seenEpoch ?? 0) > state.epoch) state = await this.refresh(channelId);
    if ((state.seenEpoch ?? 0) > state.epoch) throw new ChainError('hidden_change', channelId);
    return state;
  }

  /** A channel that one made oneself: the node has accepted this genesis and first entry. */
  async begin(state: ChannelState): Promise<void> {
    await this.keep(state);
  }

  async openDm(channelId: string, other: string): Promise<ChannelState> {
    const state = dmState(channelId, this.userId, other);
    await this.keep(state);
    return state;
  }

  async forget(channelId: string): Promise<void> {
    this.cache.delete(channelId);
    await this.storage.delete(PREFIX + channelId);
  }

  private async read(channelId: string, link?: InviteLinkProof): Promise<ChannelState> {
    const known = await this.load(channelId);
    try {
      const { state, isSame } = await this.readOn(channelId, known, link);
      if (isSame || !(await this.isTakenBack(known))) return state;
    } catch (error) {
      if (!(error instanceof ChainError)) throw error;
      if (!(await this.isTakenBack(known))) throw this.conflict(error);
    }
    // The home was lost, and with it entries that only some had seen: what is left is checked from its beginning.
    try {
      return await this.readAgain(channelId, known, link);
    } catch (error) {
      throw error instanceof ChainError ? this.conflict(error) : error;
    }
  }

  /** A mandate that was taken back with the rest was given all the same: one that it replaced must not come to count again. */
  private async readAgain(channelId: string, known: ChannelState | undefined, link?: InviteLinkProof) {
    const { state } = await this.readOn(channelId, undefined, link);
    const whole = withMandate(state, known?.mandate);
    if (whole !== state) await this.keep(whole);
    return whole;
  }

  private conflict(error: ChainError): ChainError {
    this.events.emit('channelConflict', { channelId: error.channelId, reason: error.fault });
    return error;
  }

  /** `isSame`: the node names the same last entry. */
  private async readOn(channelId: string, known: ChannelState | undefined, link?: InviteLinkProof) {
    let state = known;
    for (;;) {
      const page = await this.node.command<StatePage>('get_state', {
        channel: channelId,
        after: state?.seq ?? 0,
        ...(link === undefined ? {} : { link }),
      });
      state ??= this.start(channelId, page);
      state = await this.extend(state, page.entries);
      if (page.has_more) continue;
      const { state_head: head } = page;
      await this.keep(state);
      return { state, isSame: head === undefined || head === null || head === state.head };
    }
  }

  private async isTakenBack(known: ChannelState | undefined): Promise<boolean> {
    if (known === undefined || known.visibility === 'dm') return false;
    return await isTakenBack(known, this.node, this.directory).catch(() => false);
  }

  private start(channelId: string, page: StatePage): ChannelState {
    if (page.visibility === 'dm') return dmState(channelId, this.userId, page.channel.slice(1));
    const signed = parseWith(signedGenesisSchema, { genesis: page.genesis, signature: page.genesis_signature });
    return chainFromGenesis(channelId, signed.genesis, signed.signature);
  }

  private async extend(state: ChannelState, entries: readonly DeliveredMessage[]): Promise<ChannelState> {
    const parsed = entries.map((entry) => ({ entry: parseEntry(state.channelId, entry), seq: entry.node.seq }));
    const logs = await this.directory.logs([...new Set(parsed.map(({ entry }) => entry.author))]);
    let current = state;
    for (const { entry, seq } of parsed) {
      // What one has seen of a log holds when the node no longer shows it: a revocation above all.
      const log = (await this.logOf(entry, logs)) ?? (await this.directory.known(entry.author));
      current = extendChain(current, entry, seq, (one, identityKey) =>
        log === undefined ? certifiedKey(one, identityKey) : keyFrom(log, one, identityKey),
      );
    }
    if (parsed.length > 0) await this.keep(current);
    return current;
  }

  /** The log may have grown since it was last compared: a device that is not in it is asked for once more. */
  private async logOf(entry: StateEntry, logs: Map<string, VerifiedLog>): Promise<VerifiedLog | undefined> {
    const log = logs.get(entry.author);
    if (log?.devices[entry.device] !== undefined) return log;
    const reread = await this.directory.reread(entry.author);
    if (reread !== undefined) logs.set(entry.author, reread);
    return reread;
  }

  private async load(channelId: string): Promise<ChannelState | undefined> {
    const cached = this.cache.get(channelId);
    if (cached !== undefined) return cached;
    const stored = await this.storage.get<ChannelState>(PREFIX + channelId);
    if (stored !== undefined) this.remember(stored);
    return stored;
  }

  private async keep(state: ChannelState): Promise<void> {
    await this.storage.set(PREFIX + state.channelId, state);
    this.remember(state);
  }

  private remember(state: ChannelState): void {
    this.cache.delete(state.channelId);
    this.cache.set(state.channelId, state);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED && oldest.done !== true) this.cache.delete(oldest.value);
  }
}

function parseEntry(channelId: string, message: DeliveredMessage): StateEntry {
  const { channel: _channel, node: _node, ...entry } = message;
  try {
    return parseWith(stateEntrySchema, entry);
  } catch (error) {
    if (error instanceof DcpError) throw new ChainError('malformed_entry', channelId);
    throw error;
  }
}

function keyFrom(log: VerifiedLog | undefined, entry: StateEntry, identityKey: string | null): Uint8Array | undefined {
  if (log === undefined || (identityKey !== null && log.identityKey !== identityKey)) return undefined;
  const device = deviceAt(log, entry.device, entry.timestamp);
  return device === undefined ? undefined : signingKeyOf(device);
}

/** His account is gone, and his log with it: the certificate that he put into the entry stands for it. */
function certifiedKey({ certificate, author, device }: StateEntry, identityKey: string | null): Uint8Array | undefined {
  if (certificate === undefined || identityKey === null) return undefined;
  try {
    const log = appendedAlone(author, identityKey, certificate);
    return log.devices[device] === undefined ? undefined : signingKeyOf(log.devices[device]);
  } catch (error) {
    if (error instanceof DeviceLogError) return undefined;
    throw error;
  }
}
