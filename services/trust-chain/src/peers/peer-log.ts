import { FEDERATION } from '@dcp/contracts';
import { parseKey, verifySigned } from '@dcp/crypto';
import type { Bus } from '@dcp/node-kit';
import {
  ed25519KeyField,
  hashField,
  MAX_TRUST_PAGE,
  parseWith,
  signingInput,
  type TrustEntry,
  trustEntry,
  type TrustHead,
  trustHead,
} from '@dcp/protocol';
import { z } from 'zod';

/** Another node may be slow, and be looked for first. */
const ANSWER_MS = 15_000;
/** More hashes than a proof over exact numbers can have. */
const LONGEST_PROOF = 64;

const profileAnswer = z.looseObject({ public_key: ed25519KeyField });
const headAnswer = z.looseObject({ head: trustHead });
const pageAnswer = z.looseObject({
  entries: z.array(trustEntry).min(1).max(MAX_TRUST_PAGE),
  proof: z.array(hashField).max(LONGEST_PROOF),
});

/** Something that carries a signature of nobody, or of somebody else. It is not taken; what the node really signed may still come. */
export class BadSignature extends Error {}

/** Another node's log, as it gives it out: all that comes through here is signed by the key that was pinned of the node. */
export class PeerLog {
  /** The present one first. */
  #keys: Uint8Array[] | undefined;

  constructor(
    private readonly bus: Bus,
    readonly nodeId: string,
  ) {}

  async head(): Promise<TrustHead> {
    const { head } = parseWith(headAnswer, await this.#ask('trust_head', {}));
    await this.check(head);
    return head;
  }

  async page(after: number, upTo: number): Promise<{ entries: TrustEntry[]; proof: string[] }> {
    const { entries, proof } = parseWith(pageAnswer, await this.#ask('trust_entries', { after, up_to: upTo }));
    for (const entry of entries) await this.#checkEntry(entry);
    return { entries, proof };
  }

  /** Throws BadSignature unless it is the node that says this of itself. */
  async check(said: { issuer: string; signature: string }): Promise<void> {
    if (said.issuer !== this.nodeId || !(await this.signed(said))) throw new BadSignature('not signed by its node');
  }

  /** The head that vouches for the whole log is signed by the present key; an entry may be older than that. */
  async #checkEntry(entry: TrustEntry): Promise<void> {
    const keys = await this.#pinned();
    const isSigned = keys.some((key) => verifySigned(key, signingInput('TRUST', entry), entry.signature));
    if (entry.issuer !== this.nodeId || !isSigned) throw new BadSignature('not signed by its node');
  }

  /** Whether the node's present key stands under it (TYPE TRUST). */
  async signed(object: { signature: string }): Promise<boolean> {
    const [present] = await this.#pinned();
    return present !== undefined && verifySigned(present, signingInput('TRUST', object), object.signature);
  }

  /** The identity key of a user of the node, as the node says. */
  async keyOf(userId: string): Promise<Uint8Array> {
    const { public_key } = parseWith(profileAnswer, await this.#ask('user_lookup', { user_id: userId }));
    return parseKey(public_key).bytes;
  }

  async #pinned(): Promise<Uint8Array[]> {
    if (this.#keys === undefined) {
      const { key, former = [] } = await this.bus.request(
        FEDERATION.key,
        { node_id: this.nodeId },
        { timeoutMs: ANSWER_MS },
      );
      this.#keys = [key, ...former].map((text) => parseKey(text).bytes);
    }
    return this.#keys;
  }

  async #ask(kind: string, body: object): Promise<Record<string, unknown>> {
    const question = { node_id: this.nodeId, kind, body, timeout_ms: ANSWER_MS };
    return (await this.bus.request(FEDERATION.ask, question, { timeoutMs: ANSWER_MS + 1_000 })).body;
  }
}
