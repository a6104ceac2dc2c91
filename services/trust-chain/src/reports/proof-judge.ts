import type { Clock, Logger, Pool } from '@dcp/node-kit';
import { type DecisionAction, messageProof } from '@dcp/protocol';
import { eachOf } from '../peers/each-of.js';
import { isAbout } from './cited-reports.js';
import type { ProofVerifier } from './message-proof.js';

/** Of one round: their authors' nodes may be slow. */
const AT_ONCE = 8;
/** An author whom nobody knows is asked for again, ever later, for about four days. */
const FIRST_MS = 10_000;
const LATEST_MS = 3_600_000;
const MAX_TRIES = 100;

const CLAIM = `
  update decisions set proof_tries = proof_tries + 1, proof_due = case when proof_tries >= ${MAX_TRIES} then 'infinity'::timestamptz
    else $1::timestamptz + least(${FIRST_MS} * 2 ^ least(proof_tries, 20), ${LATEST_MS}) * interval '1 millisecond' end
  where id in (
    select id from decisions where proof = 'waiting' and proof_due <= $1 order by proof_due limit ${AT_ONCE} for update skip locked)
  returning id, action, target, evidence`;
const JUDGED = "update decisions set proof = $2 where id = $1 and proof = 'waiting'";

interface Waiting {
  id: string;
  action: DecisionAction;
  target: string;
  evidence: string;
}

/** Verifies the proofs that decisions carry, this node's and others'. That a decision holds does not wait for it. */
export class ProofJudge {
  #round: Promise<void> | undefined;

  constructor(
    private readonly pool: Pool,
    private readonly proofs: ProofVerifier,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  /** Those that are due, or the round that runs. Never throws. */
  round(): Promise<void> {
    this.#round ??= this.#all()
      .catch((error: unknown) => this.logger.debug({ err: error }, 'could not look for proofs, trying again later'))
      .finally(() => {
        this.#round = undefined;
      });
    return this.#round;
  }

  async #all(): Promise<void> {
    const { rows } = await this.pool.query<Waiting>(CLAIM, [new Date(this.clock.now())]);
    await eachOf(rows, AT_ONCE, async (waiting) => {
      const holds = await this.#holds(waiting).catch(() => undefined);
      if (holds !== undefined) await this.pool.query(JUDGED, [waiting.id, holds ? 'verified' : 'refused']);
    });
  }

  /** Undefined where it cannot be told now. */
  async #holds({ action, target, evidence }: Waiting): Promise<boolean | undefined> {
    const parsed = messageProof.safeParse((JSON.parse(evidence) as { proof: unknown }).proof);
    if (!parsed.success) return false;
    const { author, id: message_id } = parsed.data.message;
    if (!isAbout({ author, message_id }, { action, target })) return false;
    const proven = await this.proofs.verify(parsed.data);
    return proven && 'content' in proven;
  }
}
