import { PEER, PEER_KINDS, type PeerCall, type PeerKind } from '@dcp/contracts';
import { asFailure, type Bus, type Logger, reportFailure, type Rpc } from '@dcp/node-kit';
import { DcpError, invalidFormat, type TrustLevel } from '@dcp/protocol';
import type { Question } from '../link/link.js';
import type { FederationMetrics } from '../metrics.js';
import { mayAsk } from '../trust/allowed-kinds.js';
import type { TrustLevels } from '../trust/trust-levels.js';
import type { StrangerRates } from './stranger-rates.js';

/** A service answers within this time, or the other node asks again. */
const ANSWER_MS = 15_000;

type AnyRpc = Rpc<PeerCall<Record<string, unknown>>, object>;

/** What is done with a kind on its way to the service that owns it. */
export type Passage = (
  nodeId: string,
  body: Record<string, unknown>,
  pass: (body: Record<string, unknown>) => Promise<object>,
) => Promise<object>;

/** Questions of other nodes: who asks is proven, whether his node may ask is decided here, the rest by the service that owns the kind. */
export class AnswerService {
  constructor(
    private readonly trust: TrustLevels,
    private readonly rates: StrangerRates,
    private readonly bus: Bus,
    private readonly metrics: FederationMetrics,
    private readonly logger: Logger,
    private readonly passages: Partial<Record<PeerKind, Passage>>,
  ) {}

  /** Throws 1002 `trust_level`, 3002, 2000 `no such kind`, and what the service throws. */
  async answer(nodeId: string, { kind, body }: Question): Promise<object> {
    const known = PEER_KINDS.find((name) => name === kind);
    let result = 'ok';
    try {
      const level = this.#admit(nodeId, kind, body);
      if (known === undefined) throw invalidFormat('no such kind', 'kind');
      const pass = (given: Record<string, unknown>) => this.#pass(known, nodeId, level, given);
      return await (this.passages[known]?.(nodeId, body, pass) ?? pass(body));
    } catch (error) {
      const failure = asFailure(error);
      result = failure.code;
      reportFailure(this.logger, error);
      throw failure;
    } finally {
      this.metrics.answered.inc({ kind: known ?? 'other', result });
    }
  }

  #admit(nodeId: string, kind: string, body: Record<string, unknown>): TrustLevel {
    const level = this.trust.of(nodeId);
    if (!mayAsk(level, kind, body)) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'trust_level' });
    if (level === 'unknown') this.rates.take(nodeId);
    return level;
  }

  #pass(kind: PeerKind, nodeId: string, trust: TrustLevel, body: Record<string, unknown>): Promise<object> {
    const rpc = PEER[kind] as unknown as AnyRpc;
    return this.bus.request(rpc, { peer: { node_id: nodeId, trust }, body }, { timeoutMs: ANSWER_MS });
  }
}
