import { formatHash, sha256, signDigest } from '@dcp/crypto';
import { type Handover, handoverInput, type HandoverRecord } from '@dcp/protocol';
import type { NodePort } from './e2ee/node-port.js';
import type { Device } from './session/device.js';

/** Where a channel has its home: the node that orders it. */
export interface ChannelHome {
  /** As one sees it: `#name` at the home itself, `#name@node` elsewhere. Its `channel_id` stays. */
  channel: string;
  channel_id: string;
  home_node: string;
  home_epoch: number;
  /** `moving`: the new home has not taken it yet; what is posted meanwhile waits. */
  state: 'settled' | 'moving';
  /** How it came there from the node that its genesis names. */
  handovers: HandoverRecord[];
}

/** The owner's word that another node is the home from now on (TYPE HANDOVER). `via`: a host at which that node is found. */
export function signHandover(
  device: Device,
  { channel_id, home_node, home_epoch, handovers }: Omit<ChannelHome, 'channel' | 'state'>,
  toNode: string,
  { via, now = Date.now() }: { via?: string | undefined; now?: number } = {},
): Handover {
  const last = handovers.at(-1)?.handover;
  const handover = {
    channel_id,
    epoch: home_epoch + 1,
    from_node: home_node,
    to_node: toNode,
    kind: 'given' as const,
    prev: last === undefined ? null : formatHash(sha256(handoverInput(last))),
    ...(via === undefined ? {} : { via }),
    issued: new Date(now).toISOString(),
    author: device.userId,
    device: device.id,
  };
  return { ...handover, signature: signDigest(device.seed, handoverInput(handover)) };
}

/** The homes of one's channels (profile §6). */
export class ChannelHomes {
  constructor(
    private readonly device: Device,
    private readonly node: NodePort,
  ) {}

  of(channel: string): Promise<ChannelHome> {
    return this.node.rest<ChannelHome>(pathOf(channel));
  }

  /**
   * Gives a channel that one owns to another node, which must have a member in it. Answers `moving` when that node has not taken it yet;
   * it goes on by itself. Rejects with CONFLICT `behind` while the new home still fetches the history: the same may be asked again.
   */
  async handOver(channel: string, toNode: string, options: { via?: string | undefined } = {}): Promise<ChannelHome> {
    const handover = signHandover(this.device, await this.of(channel), toNode, options);
    return this.node.rest<ChannelHome>(pathOf(channel), { method: 'POST', body: { handover } });
  }
}

function pathOf(channel: string): string {
  return `/channels/${encodeURIComponent(channel)}/home`;
}
