import { CHANNEL, type StateChange } from '@dcp/contracts';
import type { Consent, Handover, Mandate } from '@dcp/protocol';
import type { Moving } from './moving.js';
import type { Person } from './sealed.js';

/** As the owner's client signs it; `changes` are made before the signature. */
export function mandateOf(
  owner: Person,
  channelId: string,
  admins: Person[],
  serial = 1,
  changes: Partial<Mandate> = {},
): Mandate {
  const mandate = {
    channel_id: channelId,
    serial,
    admins: admins.map(({ userId }) => userId),
    issued: new Date().toISOString(),
    author: owner.userId,
    device: owner.device,
    ...changes,
  };
  return { ...mandate, signature: owner.sign('MANDATE', mandate) };
}

/** The same words in his own name. */
export function consentOf(by: Person, handover: Handover, issued = new Date().toISOString()): Consent {
  const { consents: _consents, signature: _signature, ...words } = handover;
  const own = { author: by.userId, device: by.device, issued };
  return { ...own, signature: by.sign('HANDOVER', { ...words, ...own }) };
}

/** At the owner's node, of a channel of mode `node`. */
export function appoint(m: Moving, mandate: Mandate, by: Person = m.alice): Promise<StateChange> {
  const { channel_id } = mandate;
  return m.at(by.userId.slice(0, 8)).bus.request(CHANNEL.update, { session: by.session, channel_id, mandate });
}
