import { DcpError, signedGenesisSchema, type Genesis } from '@dcp/protocol';
import type { Storage } from '../storage/storage.js';
import { channelIdOf } from './channel-chain.js';
import type { NodePort } from './node-port.js';

const PREFIX = 'mode/';

/**
 * Which channels the node may read. A channel's mode is part of its genesis, and its id is the hash of that: so before the first readable
 * word is sent to a channel its genesis is asked for and compared, and a node cannot pass an encrypted channel off as a readable one.
 */
export class ChannelModes {
  private readonly proven = new Set<string>();

  constructor(
    private readonly storage: Storage,
    private readonly node: NodePort,
  ) {}

  /** Throws CONFLICT `mode_not_proven` unless the channel's genesis says `node`. */
  async requireReadable(channelId: string): Promise<void> {
    if (this.proven.has(channelId)) return;
    if ((await this.storage.get<boolean>(PREFIX + channelId)) !== true) {
      await this.prove(channelId);
      await this.storage.set(PREFIX + channelId, true);
    }
    this.proven.add(channelId);
  }

  /** Whether the genesis says `node`. Rejects when it cannot be asked for. */
  async isReadable(channelId: string): Promise<boolean> {
    try {
      await this.requireReadable(channelId);
      return true;
    } catch (error) {
      if (error instanceof DcpError && error.details['reason'] === 'mode_not_proven') return false;
      throw error;
    }
  }

  private async prove(channelId: string): Promise<void> {
    const page = await this.node.command<{ genesis: Genesis | null; genesis_signature: string | null }>('get_state', {
      channel: channelId,
    });
    const signed = signedGenesisSchema.safeParse({ genesis: page.genesis, signature: page.genesis_signature });
    const { genesis } = signed.success ? signed.data : { genesis: undefined };
    if (genesis !== undefined && channelIdOf(genesis) === channelId && genesis.encryption === 'node') return;
    throw new DcpError(
      'CONFLICT',
      { reason: 'mode_not_proven', channel_id: channelId },
      'The node calls this channel readable, but its genesis does not: nothing was sent',
    );
  }
}
