import { type Bus } from '@dcp/node-kit';
import { FEDERATION, type HomedChannel } from '@dcp/contracts';
import { parseKey, verifySigned } from '@dcp/crypto';
import {
  closes,
  DcpError,
  type Genesis,
  type Handover,
  handoverInput,
  type HandoverRecord,
  homeAfter,
  type HomeAfter,
  signingInput,
} from '@dcp/protocol';
import type { AuthorKeys } from '../peers/author-keys.js';
import { checkHome } from '../replicas/check-home.js';
import { hashOf } from './handover.store.js';

export interface HandoverChecksParts {
  bus: Bus;
  keys: AuthorKeys;
}

/** Whose word moves a channel: its owner's, by the key of his device, and at each step that of the home before. */
export class HandoverChecks {
  constructor(private readonly parts: HandoverChecksParts) {}

  /**
   * As `checkHome`, and that every hand-over to this home is signed. The closings are not asked for: the key of a home of long ago may not be
   * had any more, and the owner's word is what counts.
   */
  async home(info: HomedChannel, homeNode: string): Promise<void> {
    checkHome(info, homeNode);
    await this.signatures((info.handovers ?? []).map(({ handover }) => handover));
  }

  /** That the chain leads on from the genesis. Throws FEDERATION_ERROR. */
  chain(channelId: string, genesis: Genesis, handovers: Handover[]): HomeAfter {
    return homeAfter(channelId, genesis, handovers, hashOf);
  }

  /** Throws FEDERATION_ERROR `handover_signature`; NODE_UNREACHABLE where the owner's device log could not be had. */
  async signatures(handovers: Handover[]): Promise<void> {
    if (handovers.length === 0) return;
    const authors = handovers.map(({ author, device, issued }) => ({
      userId: author,
      device: device ?? null,
      timestamp: issued,
    }));
    const keys = await this.parts.keys.find(authors);
    for (const [i, handover] of handovers.entries()) {
      const key = keys[i];
      if (key === null) throw new DcpError('NODE_UNREACHABLE', { reason: 'device_log' });
      const good = key !== undefined && isSigned(key, handoverInput(handover), handover.signature);
      if (!good) throw new DcpError('FEDERATION_ERROR', { reason: 'handover_signature', epoch: handover.epoch });
    }
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

function isSigned(key: string, input: Uint8Array, signature: string): boolean {
  try {
    return verifySigned(parseKey(key).bytes, input, signature);
  } catch {
    return false;
  }
}
