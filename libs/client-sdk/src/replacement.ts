import { type Consent, type Handover, invalidFormat } from '@dcp/protocol';
import { endAt, type HomeSurvey } from './home-survey.js';
import { newestMandate } from './mandates.js';
import { checkProposal, type KnownHome, type Proposal, signProposal, signTogether } from './proposals.js';
import type { Device } from './session/device.js';
import { signHandover } from './sign-handover.js';

export interface Replacement {
  toNode?: string | undefined;
  via?: string | undefined;
  proposal?: Proposal | undefined;
  consents?: readonly Consent[] | undefined;
}

/** What moves a channel whose home is lost: its owner's word, or that of its admins where this user is one of them and not the owner. */
export function signReplacement(device: Device, home: KnownHome, survey: HomeSurvey, wish: Replacement): Handover {
  const { proposal, toNode } = wish;
  const mandate = newestMandate(home.channel_id, home.mandate, survey.mandate) ?? proposal?.mandate;
  const isOwner = mandate === undefined || mandate.author === device.userId;
  // Whoever is neither is told so by the node.
  if (isOwner || (proposal === undefined && !mandate.admins.includes(device.userId)))
    return byOwner(device, home, survey, wish);
  if (proposal === undefined) return signTogether(device, signProposal(device, home, survey, wish), wish.consents);
  if (toNode !== undefined && toNode !== proposal.to_node) throw invalidFormat('another node is proposed', 'to_node');
  checkProposal(proposal, device.userId, home, survey);
  return signTogether(device, proposal, wish.consents);
}

function byOwner(device: Device, home: KnownHome, survey: HomeSurvey, wish: Replacement): Handover {
  const { node_id, last_seq, void_to } = endAt(survey, wish.toNode ?? wish.proposal?.to_node);
  return signHandover(device, home, node_id, { via: wish.via, lost: { last_seq, void_to } });
}
