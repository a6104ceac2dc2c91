import { at, FEDERATION, PEER_KINDS, type PeerKind, type PeerQuestion } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { asDcpError, type DcpError, invalidFormat, NODE_ID } from '@dcp/protocol';
import { unreachable } from '../discovery/document-fetch.js';
import { REPLACED } from '../link/link.js';
import type { Links } from '../link/links.js';
import type { FederationMetrics } from '../metrics.js';
import { untrue } from '../peers/document-checks.js';
import { mayBeAsked } from '../trust/allowed-kinds.js';
import type { TrustLevels } from '../trust/trust-levels.js';

const TIMEOUT_MS = 10_000;
const MAX_TIMEOUT_MS = 60_000;
/** The holder answers a little after the question's own time is over, never before. */
const FORWARD_SLACK_MS = 1_000;
const LOOK_AGAIN_MS = 250;

type Answer = { body: Record<string, unknown> };

/** Questions of this node's services for other nodes. */
export class AskService {
  constructor(
    private readonly own: string,
    private readonly links: Links,
    private readonly trust: TrustLevels,
    private readonly bus: Bus,
    private readonly metrics: FederationMetrics,
  ) {}

  /** Counted by kind and result. Errors as `FEDERATION.ask` says. */
  async ask(question: PeerQuestion): Promise<Answer> {
    const end = this.metrics.askSeconds.startTimer();
    let result = 'ok';
    try {
      return await this.#ask(question);
    } catch (error) {
      result = asDcpError(error).code;
      throw error;
    } finally {
      end();
      this.metrics.asked.inc({ kind: isKind(question.kind) ? question.kind : 'other', result });
    }
  }

  /** From another instance that thinks the link is here. 3000 `not_holder` when it is not: it looks again. */
  async forwarded(question: PeerQuestion): Promise<Answer> {
    this.#check(question);
    const { node_id, kind, body, via } = question;
    const deadline = performance.now() + timeoutOf(question);
    for (;;) {
      const way = await this.links.reach(node_id, via, deadline - performance.now());
      if (typeof way === 'string') throw unreachable('not_holder', { node_id });
      const answer = await answered(way.ask(kind, body, deadline - performance.now()));
      if (answer !== undefined) return { body: answer };
    }
  }

  async #ask(question: PeerQuestion): Promise<Answer> {
    this.#check(question);
    const { node_id, kind, body, via } = question;
    const deadline = performance.now() + timeoutOf(question);
    for (;;) {
      const way = await this.links.reach(node_id, via, deadline - performance.now());
      const left = deadline - performance.now();
      if (left <= 0) throw unreachable('timeout', { node_id });
      if (typeof way !== 'string') {
        const answer = await answered(way.ask(kind, body, left));
        if (answer !== undefined) return { body: answer };
        continue;
      }
      try {
        const rpc = at(FEDERATION.forward, way);
        return await this.bus.request(rpc, { ...question, timeout_ms: left }, { timeoutMs: left + FORWARD_SLACK_MS });
      } catch (error) {
        if (!isElsewhere(asDcpError(error)) || left < LOOK_AGAIN_MS) throw error;
        // The holder is gone; its lease falls to this instance when nobody renews it.
        await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
      }
    }
  }

  #check({ node_id, kind }: PeerQuestion): void {
    if (!NODE_ID.test(node_id)) throw invalidFormat('not a node id', 'node_id');
    if (!isKind(kind)) throw invalidFormat('no such kind', 'kind');
    if (node_id === this.own) throw untrue('own_id');
    const level = this.trust.of(node_id);
    if (level === 'blocked') throw untrue('blocked', { node_id });
    if (!mayBeAsked(level, kind)) throw untrue('trust_level', { node_id, level });
  }
}

/** Undefined when the link gave way to another one before the question was taken: it is asked again there. */
async function answered<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (asDcpError(error).details['reason'] !== REPLACED) throw error;
    return undefined;
  }
}

function isKind(kind: string): kind is PeerKind {
  return PEER_KINDS.includes(kind as PeerKind);
}

function timeoutOf({ timeout_ms = TIMEOUT_MS }: PeerQuestion): number {
  return Math.min(Math.max(1, timeout_ms), MAX_TIMEOUT_MS);
}

function isElsewhere({ code, details }: DcpError): boolean {
  const { reason } = details;
  return (code === 'MAINTENANCE_MODE' && reason === 'no_responders') || reason === 'not_holder';
}
