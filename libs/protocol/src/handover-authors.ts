import { DcpError } from './errors.js';
import { type Handover, handoverInput } from './handover.js';
import { type Consent, quorumOf } from './mandate.js';

/** Who may move the home of a channel: its owner, and when it is lost more than half of the admins whom he has named. */

/** An admin's consent is good for so long: nobody can keep it for another day. */
export const CONSENT_DAYS = 14;
const DAY_MS = 86_400_000;

/** What an admin signs who agrees: the same hand-over with himself as its author, at his time. */
export function consentInput(handover: Handover, { author, device, issued }: Omit<Consent, 'signature'>): Uint8Array {
  const { device: _device, ...same } = handover;
  return handoverInput({ ...same, author, issued, ...(device === undefined ? {} : { device }) });
}

/**
 * Whether they may say it who do: the owner alone (a channel has one for good: who made it), or more than half of the admins that he has named.
 * Signatures are the caller's to check. Throws as `homeAfter`.
 */
export function checkAuthors(handover: Handover, channelId: string, owner: string): void {
  const { author, issued, mandate, consents = [] } = handover;
  if (mandate === undefined) {
    if (author !== owner) throw wrong('handover_author');
    return;
  }
  if (mandate.author !== owner || mandate.channel_id !== channelId) throw wrong('handover_author');
  const authors = new Set([author, ...consents.map((consent) => consent.author)]);
  if ([...authors].some((one) => !mandate.admins.includes(one))) throw wrong('handover_author');
  if (authors.size < consents.length + 1 || authors.size < quorumOf(mandate)) throw wrong('quorum');
  const age = (time: string) => (Date.parse(issued) - Date.parse(time)) / DAY_MS;
  if (consents.some((consent) => Math.abs(age(consent.issued)) > CONSENT_DAYS)) throw wrong('consent_time');
}

function wrong(reason: string): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason });
}
