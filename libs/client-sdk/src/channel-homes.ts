import { asDcpError, type Consent, type Handover, type HandoverRecord, type Mandate } from '@dcp/protocol';
import type { NodePort } from './e2ee/node-port.js';
import type { HomeSurvey } from './home-survey.js';
import { newestMandate, signMandate } from './mandates.js';
import { checkProposal, parseProposal, type Proposal, signConsent, signProposal } from './proposals.js';
import { signReplacement } from './replacement.js';
import type { Device } from './session/device.js';
import { signHandover } from './sign-handover.js';

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
  /** Whom its owner trusts in his place when its home is lost, as one's own node has heard of it last. */
  mandate?: Mandate | undefined;
}

export interface ReplaceOptions {
  via?: string | undefined;
  /** Of an admin: what was agreed to, and the others' signatures. */
  proposal?: Handover | undefined;
  consents?: readonly Consent[] | undefined;
}

/** Other nodes are asked, one after the other, and one of them may be away. */
const SEVERAL_NODES_MS = 45_000;

/** The homes of one's channels (profile §6). */
export class ChannelHomes {
  constructor(
    private readonly device: Device,
    private readonly node: NodePort,
    /** Makes a mandate known in the way that the channel's mode asks for. */
    private readonly setMandate: (channelId: string, mandate: Mandate) => Promise<unknown>,
  ) {}

  of(channel: string): Promise<ChannelHome> {
    return this.node.rest<ChannelHome>(pathOf(channel));
  }

  /**
   * Gives a channel that one owns to another node, which must have a member in it. Answers `moving` when that node has not taken it yet;
   * it goes on by itself. Rejects with CONFLICT `behind` while the new home still fetches the history: the same may be asked again.
   */
  async handOver(channel: string, toNode: string, options: { via?: string | undefined } = {}): Promise<ChannelHome> {
    return await this.submit(channel, signHandover(this.device, await this.of(channel), toNode, options));
  }

  /** What is left of a channel, and where, and whether its home answers. */
  survey(channel: string): Promise<HomeSurvey> {
    return this.node.rest<HomeSurvey>(`${pathOf(channel)}/survey`, { timeoutMs: SEVERAL_NODES_MS });
  }

  /**
   * Names the users (of any nodes) of whom more than half may together say in the owner's place where his channel goes on when its home is
   * lost, and nothing else; they replace those named before. An empty list names nobody.
   */
  async appoint(channel: string, admins: readonly string[]): Promise<Mandate> {
    let refused = 0;
    for (let attempt = 1; ; attempt++) {
      const { channel_id, mandate } = await this.of(channel);
      const known = newestMandate(channel_id, mandate)?.serial ?? 0;
      const next = signMandate(this.device, channel_id, admins, Math.max(known, refused) + 1);
      try {
        await this.setMandate(channel_id, next);
        return next;
      } catch (error) {
        const { code, details } = asDcpError(error);
        if (code !== 'CONFLICT' || details['reason'] !== 'old_mandate' || attempt > 1) throw error;
        // The own node may not know yet what the home has.
        refused = Number(details['serial'] ?? next.serial);
      }
    }
  }

  /**
   * As an admin: what is to be said of a lost home, for the others to agree to. Nothing has happened yet. Rejects with CONFLICT `no_mandate`
   * where the owner has named nobody, INSUFFICIENT_PERMISSIONS `not_an_admin`, and as `replace`.
   */
  async propose(channel: string, toNode?: string, options: { via?: string | undefined } = {}): Promise<Proposal> {
    const survey = await this.survey(channel);
    return signProposal(this.device, await this.of(channel), survey, { ...options, toNode });
  }

  /**
   * As an admin: one's signature under another's proposal, good for 14 days; whoever has enough of them goes on with `replace`. It is
   * given only for what this user's own node says too: that the home is lost, and what is left where.
   */
  async agree(proposal: unknown): Promise<Consent> {
    const parsed = parseProposal(proposal);
    const survey = await this.survey(parsed.channel_id);
    checkProposal(parsed, this.device.userId, await this.of(parsed.channel_id), survey);
    return signConsent(this.device, parsed);
  }

  /**
   * Lets another node go on with a channel whose home is gone for good: `toNode`, or the one that has most of it. Its owner may alone; of
   * his admins more than half, by a proposal and the consents to it. What nobody but the lost home had is lost, and what the new home has not
   * is taken back at nodes that have more; their users' posts are ordered again, so a message may come twice with the same id. Rejects with
   * CONFLICT `home_answers` while the home answers, `too_far_behind` where `toNode` lacks too much, NODE_UNREACHABLE where it does not
   * answer, FEDERATION_ERROR `quorum` (`needed`, `have`) where admins are missing.
   */
  async replace(channel: string, toNode?: string, options: ReplaceOptions = {}): Promise<ChannelHome> {
    const proposal = options.proposal === undefined ? undefined : parseProposal(options.proposal);
    const survey = await this.survey(channel);
    const home = await this.of(channel);
    return await this.submit(channel, signReplacement(this.device, home, survey, { ...options, proposal, toNode }));
  }

  private submit(channel: string, handover: Handover): Promise<ChannelHome> {
    const request = { method: 'POST' as const, body: { handover }, timeoutMs: SEVERAL_NODES_MS };
    return this.node.rest<ChannelHome>(pathOf(channel), request);
  }
}

function pathOf(channel: string): string {
  return `/channels/${encodeURIComponent(channel)}/home`;
}
