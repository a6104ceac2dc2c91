import { type Bus, type Pool } from '@dcp/node-kit';
import { FEDERATION, type HomedChannel } from '@dcp/contracts';
import { parseKey, verifySigned } from '@dcp/crypto';
import {
  closes,
  consentInput,
  DcpError,
  type Genesis,
  type Handover,
  handoverInput,
  type HandoverRecord,
  homeAfter,
  type HomeAfter,
  type Mandate,
  mandateInput,
  signingInput,
} from '@dcp/protocol';
import type { AuthorKeys } from '../peers/author-keys.js';
import { checkHome } from '../replicas/check-home.js';
import { hashOf } from './handover.store.js';
import { findMandate } from './mandate.store.js';

export interface HandoverChecksParts {
  bus: Bus;
  keys: AuthorKeys;
  pool: Pool;
}

/** Whose word moves a channel: its owner's or his admins', by the keys of their devices, and at each step that of the home before. */
export class HandoverChecks {
  constructor(private readonly parts: HandoverChecksParts) {}

  /**
   * As `checkHome`, and that every hand-over to this home is signed. The closings are not asked for: the key of a home of long ago may not be
   * had any more, and the owner's word is what counts.
   */
  async home(info: HomedChannel, homeNode: string): Promise<void> {
    checkHome(info, homeNode);
    const { handovers = [], genesis } = info;
    if (genesis === null) return;
    await this.signatures(
      handovers.map(({ handover }) => handover),
      genesis,
    );
  }

  /** That the chain leads on from the genesis. Throws FEDERATION_ERROR. */
  chain(channelId: string, genesis: Genesis, handovers: Handover[]): HomeAfter {
    return homeAfter(channelId, genesis, handovers, hashOf);
  }

  /** Throws FEDERATION_ERROR `handover_signature`; NODE_UNREACHABLE where the device log of who signed could not be had. */
  async signatures(handovers: Handover[], owner: Owner): Promise<void> {
    const words = handovers.flatMap(wordsOf);
    if (words.length === 0) return;
    for (const [i, judged] of (await this.#judge(words, owner)).entries()) {
      const details = { user_id: words[i]?.author };
      if (judged === 'unknown') throw new DcpError('NODE_UNREACHABLE', { reason: 'device_log', ...details });
      if (judged === 'false') throw new DcpError('FEDERATION_ERROR', { reason: 'handover_signature', ...details });
    }
  }

  /** Whether the owner has signed it; `unknown` where his device log cannot be had now. */
  async judgeMandate(mandate: Mandate, owner: Owner): Promise<Judged> {
    if (mandate.author !== owner.creator) return 'false';
    const [judged = 'unknown'] = await this.#judge([{ ...mandate, input: mandateInput(mandate) }], owner);
    return judged;
  }

  async isMandate(mandate: Mandate, owner: Owner): Promise<boolean> {
    return (await this.judgeMandate(mandate, owner)) === 'true';
  }

  /**
   * Admins speak by the last mandate that is known here, or a newer one. Throws FEDERATION_ERROR `old_mandate`. What a home that lies has put
   * into the log in the owner's place stops nobody.
   */
  async currentMandate({ mandate, channel_id: channelId }: Handover, owner: Owner): Promise<void> {
    if (mandate === undefined) return;
    const known = await findMandate(this.parts.pool, channelId);
    if (known === undefined || known.serial <= mandate.serial) return;
    if (await this.isMandate(known, owner))
      throw new DcpError('FEDERATION_ERROR', { reason: 'old_mandate', serial: known.serial });
  }

  /**
   * An owner whose node is lost, and whose device log nobody here has seen, is known by the key that the channel's id proves to be his:
   * otherwise no other node could join what his admins have saved.
   */
  async #judge(words: Word[], { creator, creator_key }: Owner): Promise<Judged[]> {
    const authors = words.map(({ author, device = null, issued }) => ({ userId: author, device, timestamp: issued }));
    const keys = await this.parts.keys.find(authors);
    return words.map(({ author, input, signature }, i) => {
      const key = keys[i];
      if (key !== null) return key !== undefined && isSigned(key, input, signature) ? 'true' : 'false';
      const isMaker = author === creator && creator_key !== undefined && isSigned(creator_key, input, signature);
      return isMaker ? 'true' : 'unknown';
    });
  }

  /** That the home before each hand-over has closed with it, unless it was lost. Throws FEDERATION_ERROR `closing`. */
  async closings(records: HandoverRecord[]): Promise<void> {
    for (const { handover, closing } of records) {
      if (closing === undefined) continue;
      const { key, former = [] } = await this.parts.bus.request(FEDERATION.key, { node_id: handover.from_node });
      const input = signingInput('ORDER', closing);
      // A hand-over may be older than the node's present key.
      const isItsWord = [key, ...former].some((one) => isSigned(one, input, closing.signature));
      if (!isItsWord || !closes(closing, handover))
        throw new DcpError('FEDERATION_ERROR', { reason: 'closing', epoch: handover.epoch });
    }
  }
}

/** As the genesis names him; the key is that of the device that made the channel. */
export type Owner = Pick<Genesis, 'creator'> & Partial<Pick<Genesis, 'creator_key'>>;

export type Judged = 'true' | 'false' | 'unknown';

interface Word {
  author: string;
  device?: string | undefined;
  issued: string;
  input: Uint8Array;
  signature: string;
}

/** Everything in a hand-over that somebody has signed. */
function wordsOf(handover: Handover): Word[] {
  const { mandate, consents = [] } = handover;
  return [
    { ...handover, input: handoverInput(handover) },
    ...(mandate === undefined ? [] : [{ ...mandate, input: mandateInput(mandate) }]),
    ...consents.map((consent) => ({ ...consent, input: consentInput(handover, consent) })),
  ];
}

function isSigned(key: string, input: Uint8Array, signature: string): boolean {
  try {
    return verifySigned(parseKey(key).bytes, input, signature);
  } catch {
    return false;
  }
}
