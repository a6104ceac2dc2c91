import type { PeerCall, TrustUpdate } from '@dcp/contracts';
import { sha256, toBase32, verifySigned } from '@dcp/crypto';
import type { Bus, Clock } from '@dcp/node-kit';
import {
  DcpError,
  invalidFormat,
  parseWith,
  signingInput,
  type TrustEntry,
  type TrustHead,
  type TrustUpdateFrame,
  trustUpdateFrame,
} from '@dcp/protocol';
import { z } from 'zod';
import { type DecisionStore, incomingFrame } from '../decisions/decision.store.js';
import type { LevelStore } from '../levels/level.store.js';
import type { OwnLogService } from '../log/own-log.service.js';
import type { TrustMetrics } from '../metrics.js';
import { PeerLog } from './peer-log.js';
import type { SyncService } from './sync.service.js';

/** Of one node: whoever sends more fills a queue that nobody reads. */
const MAX_FRAMES = 1_000;

const pageQuery = z.looseObject({
  after: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 2),
  up_to: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31 - 1),
});

export interface PeerQuestionParts {
  bus: Bus;
  ownLog: OwnLogService;
  sync: SyncService;
  levels: LevelStore;
  decisions: DecisionStore;
  clock: Clock;
  metrics: TrustMetrics;
}

/** What other nodes ask and tell. */
export class PeerQuestionService {
  constructor(private readonly parts: PeerQuestionParts) {}

  async head(): Promise<{ head: TrustHead }> {
    return { head: await this.parts.ownLog.head() };
  }

  async entries({
    body,
  }: PeerCall<{ after: number; up_to: number }>): Promise<{ entries: TrustEntry[]; proof: string[] }> {
    const { after, up_to } = parseWith(pageQuery, body);
    if (after >= up_to) throw invalidFormat('nothing after it', 'after');
    return this.parts.ownLog.page(after, up_to);
  }

  /** A node's word that its log has grown is only a reason to ask it; the frame of §10.2 waits for an administrator. */
  async update({ peer, body }: PeerCall<TrustUpdate>): Promise<object> {
    const { levels, metrics, sync } = this.parts;
    const level = await levels.ofNow(peer.node_id);
    if (level !== 'trusted' && level !== 'monitored') {
      metrics.ignored.inc({ level });
      return { state: 'ignored' };
    }
    if (!('type' in body)) {
      void sync.sync(peer.node_id);
      return { state: 'heard' };
    }
    await this.#review(peer.node_id, parseWith(trustUpdateFrame, body));
    return { state: 'review' };
  }

  /** Whose signature it is shows in the queue: the node's, a user's of it, or one that nobody here can check. */
  async #review(nodeId: string, frame: TrustUpdateFrame): Promise<void> {
    const { decisions, clock } = this.parts;
    if ((await decisions.countFrames(nodeId)) >= MAX_FRAMES)
      throw new DcpError('RATE_LIMITED', { reason: 'review_full', retry_after: 3_600 });
    const verified = await this.#verified(nodeId, frame);
    // The same frame twice is one.
    const name = toBase32(sha256(signingInput('TRUST', frame))).slice(0, 16);
    const row = incomingFrame(`${nodeId}.frame-${name}`, frame, verified, new Date(clock.now()));
    await decisions.insert(undefined, nodeId, [row]);
  }

  /** A frame that names its moderator must be his. Without an answer of his node it is as if it named nobody. */
  async #verified(nodeId: string, frame: TrustUpdateFrame): Promise<boolean> {
    const peer = new PeerLog(this.parts.bus, nodeId);
    if (frame.by === undefined) return await peer.signed(frame).catch(() => false);
    if (!frame.by.startsWith(`${nodeId}.`)) throw new DcpError('FEDERATION_ERROR', { reason: 'foreign_moderator' });
    const key = await peer.keyOf(frame.by).catch(() => undefined);
    if (key === undefined) return false;
    if (!verifySigned(key, signingInput('TRUST', frame), frame.signature))
      throw new DcpError('FEDERATION_ERROR', { reason: 'bad_signature' });
    return true;
  }
}
