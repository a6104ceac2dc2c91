import { formatHash, sha256, signDigest } from '@dcp/crypto';
import { DcpError, type ErrorCode, type Handover, handoverInput, type HandoverRecord, MAX_VOID } from '@dcp/protocol';
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

/** What the nodes of its members have of a channel whose home may be lost. */
export interface HomeSurvey {
  channel: string;
  channel_id: string;
  home_node: string;
  home_epoch: number;
  /** Whether the home still says that it is the home. */
  home_answers: boolean;
  nodes: (KeptBy | { node_id: string; error: ErrorCode })[];
}

/** A node that has a channel's log from `first_seq` to `last_seq`. */
export interface KeptBy {
  node_id: string;
  first_seq: number;
  last_seq: number;
}

/** Other nodes are asked, one after the other, and one of them may be away. */
const SEVERAL_NODES_MS = 45_000;
/** Numbers that are left out behind the last that any node has: one that is away now may have seen more. */
const VOID_MARGIN = 1_000;

/**
 * The owner's word that another node is the home from now on (TYPE HANDOVER). `via`: a host at which that node is found; `lost`: the home
 * before is gone for good, and what counts ends with `last_seq`.
 */
export function signHandover(
  device: Device,
  { channel_id, home_node, home_epoch, handovers }: Omit<ChannelHome, 'channel' | 'state'>,
  toNode: string,
  { via, lost, now = Date.now() }: HandoverOptions = {},
): Handover {
  const last = handovers.at(-1)?.handover;
  const handover = {
    channel_id,
    epoch: home_epoch + 1,
    from_node: home_node,
    to_node: toNode,
    kind: lost === undefined ? ('given' as const) : ('lost' as const),
    ...lost,
    prev: last === undefined ? null : formatHash(sha256(handoverInput(last))),
    ...(via === undefined ? {} : { via }),
    issued: new Date(now).toISOString(),
    author: device.userId,
    device: device.id,
  };
  return { ...handover, signature: signDigest(device.seed, handoverInput(handover)) };
}

export interface HandoverOptions {
  via?: string | undefined;
  lost?: { last_seq: number; void_to: number } | undefined;
  now?: number;
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
    return this.node.rest<ChannelHome>(pathOf(channel), {
      method: 'POST',
      body: { handover },
      timeoutMs: SEVERAL_NODES_MS,
    });
  }

  /** What is left of a channel, and where, and whether its home answers. */
  survey(channel: string): Promise<HomeSurvey> {
    return this.node.rest<HomeSurvey>(`${pathOf(channel)}/survey`, { timeoutMs: SEVERAL_NODES_MS });
  }

  /**
   * Lets another node go on with a channel that one owns and whose home is gone for good: `toNode`, or the one that has most of it. What
   * nobody but the lost home had is lost, and what the new home has not is taken back at nodes that have more; their users' posts are ordered
   * again, so a message may come twice with the same id. Rejects with CONFLICT `home_answers` while the home answers, `too_far_behind` where
   * `toNode` lacks too much, NODE_UNREACHABLE where it does not answer.
   */
  async replace(channel: string, toNode?: string, options: { via?: string | undefined } = {}): Promise<ChannelHome> {
    const survey = await this.survey(channel);
    const lost = endAt(survey, toNode);
    const handover = signHandover(this.device, await this.of(channel), lost.node_id, {
      ...options,
      lost: { last_seq: lost.last_seq, void_to: lost.void_to },
    });
    return this.node.rest<ChannelHome>(pathOf(channel), {
      method: 'POST',
      body: { handover },
      timeoutMs: SEVERAL_NODES_MS,
    });
  }
}

/** Who goes on, and which numbers nobody gets. */
function endAt({ home_answers, nodes }: HomeSurvey, wanted?: string): KeptBy & { void_to: number } {
  if (home_answers) throw new DcpError('CONFLICT', { reason: 'home_answers' });
  const kept = nodes.filter((node): node is KeptBy => 'last_seq' in node);
  const [furthest] = kept.toSorted((a, b) => b.last_seq - a.last_seq || a.first_seq - b.first_seq);
  const chosen = wanted === undefined ? furthest : kept.find(({ node_id }) => node_id === wanted);
  if (chosen === undefined || furthest === undefined)
    throw new DcpError('NODE_UNREACHABLE', { node_id: wanted ?? null });
  if (furthest.last_seq >= chosen.last_seq + MAX_VOID)
    throw new DcpError('CONFLICT', { reason: 'too_far_behind', node_id: furthest.node_id });
  return { ...chosen, void_to: Math.min(furthest.last_seq + VOID_MARGIN, chosen.last_seq + MAX_VOID) };
}

function pathOf(channel: string): string {
  return `/channels/${encodeURIComponent(channel)}/home`;
}
