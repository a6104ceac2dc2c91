import { FEDERATION } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { DcpError } from '@dcp/protocol';
import { type Answers, answerOf, type AskedKind } from './answers.js';

/** A command waits so long for another node. */
export const ASK_MS = 10_000;
/** The federation service says first that it took too long. */
const GRACE_MS = 1_000;

/** Questions to other nodes. */
export class Asks {
  constructor(private readonly bus: Bus) {}

  /**
   * Rejects with the other node's refusal; NODE_UNREACHABLE where it is away, or the federation service of this node is, FEDERATION_ERROR
   * where the answer makes no sense.
   */
  async ask<K extends AskedKind>(
    nodeId: string,
    kind: K,
    body: object,
    timeoutMs: number = ASK_MS,
    via?: string,
  ): Promise<Answers[K]> {
    const question = { node_id: nodeId, kind, body, timeout_ms: timeoutMs, ...(via === undefined ? {} : { via }) };
    const answer = await this.bus
      .request(FEDERATION.ask, question, { timeoutMs: timeoutMs + GRACE_MS })
      .catch((error: unknown) => {
        if (!(error instanceof DcpError) || error.code !== 'MAINTENANCE_MODE') throw error;
        throw new DcpError('NODE_UNREACHABLE', { node_id: nodeId, reason: error.details['reason'] });
      });
    return answerOf(kind, answer.body);
  }
}
