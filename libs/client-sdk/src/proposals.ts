import { signDigest } from '@dcp/crypto';
import {
  checkAuthors,
  type Consent,
  consentInput,
  consentSchema,
  DcpError,
  type Handover,
  handoverSchema,
  invalidFormat,
  type Mandate,
  parseWith,
  quorumOf,
} from '@dcp/protocol';
import { checkEnd, endAt, type HomeSurvey } from './home-survey.js';
import { newestMandate, requireAdmin } from './mandates.js';
import type { Device } from './session/device.js';
import { placeAfter, type PresentHome, signHandover } from './sign-handover.js';

/** A hand-over of a lost home that one admin has signed and others have yet to agree to. */
export interface Proposal extends Handover {
  mandate: Mandate;
  last_seq: number;
  void_to: number;
}

/** A channel's home as one's own node tells it. */
export type KnownHome = PresentHome & { mandate?: Mandate | undefined };

const MEMBERS = new Set(
  'channel_id epoch from_node to_node kind last_seq void_to prev via issued author device mandate signature'.split(' '),
);

/** Somebody sends it. What is not understood here is not signed either: a member that is not known may come to mean something. */
export function parseProposal(value: unknown): Proposal {
  const { consents: _consents, ...handover } = parseWith(handoverSchema, value);
  const { mandate, last_seq, void_to, channel_id } = handover;
  if (Object.keys(handover).some((member) => !MEMBERS.has(member))) throw invalidFormat('an unknown member');
  if (mandate === undefined || last_seq === undefined || void_to === undefined)
    throw invalidFormat('no proposal of admins', 'mandate');
  if (mandate.channel_id !== channel_id) throw invalidFormat('of another channel', 'mandate.channel_id');
  return { ...handover, mandate, last_seq, void_to };
}

/** Throws CONFLICT `no_mandate`, INSUFFICIENT_PERMISSIONS `not_an_admin`, and as `endAt`. */
export function signProposal(
  device: Device,
  home: KnownHome,
  survey: HomeSurvey,
  options: { toNode?: string | undefined; via?: string | undefined },
): Proposal {
  const mandate = newestMandate(home.channel_id, home.mandate, survey.mandate);
  if (mandate === undefined || mandate.admins.length === 0) throw new DcpError('CONFLICT', { reason: 'no_mandate' });
  requireAdmin(mandate, device.userId);
  const { node_id, last_seq, void_to } = endAt(survey, options.toNode);
  const lost = { last_seq, void_to };
  return parseProposal(signHandover(device, home, node_id, { via: options.via, lost, mandate }));
}

/** That it is about the channel's present home and agrees with what this user hears himself. Throws DcpError. */
export function checkProposal(proposal: Proposal, userId: string, home: KnownHome, survey: HomeSurvey): void {
  const { mandate, author, channel_id } = proposal;
  requireAdmin(mandate, userId);
  const isNext = Object.entries(placeAfter(home)).every(([member, value]) => proposal[member] === value);
  const isSameHome = survey.home_node === home.home_node && survey.home_epoch === home.home_epoch;
  if (!isNext || !isSameHome) throw refused('handover_chain');
  const known = newestMandate(channel_id, home.mandate, survey.mandate);
  if (known !== undefined && known.serial > mandate.serial) throw refused('old_mandate', { serial: known.serial });
  if (!mandate.admins.includes(author) || (known ?? mandate).author !== mandate.author)
    throw refused('handover_author');
  checkEnd(survey, proposal);
}

/** That this admin says the same. */
export function signConsent(device: Device, proposal: Proposal, now = Date.now()): Consent {
  const own = { author: device.userId, device: device.id, issued: new Date(now).toISOString() };
  return { ...own, signature: signDigest(device.seed, consentInput(proposal, own)) };
}

/** The proposal in this admin's name, with what the others have signed. Throws FEDERATION_ERROR `quorum` and as `checkAuthors`. */
export function signTogether(device: Device, proposal: Proposal, consents: readonly unknown[] = []): Handover {
  const { author, device: by, issued, signature } = proposal;
  const proposers = { author, issued, signature, ...(by === undefined ? {} : { device: by }) };
  const given = [proposers, ...consents.map((one) => parseWith(consentSchema, one))];
  const others = new Map(given.filter((one) => one.author !== device.userId).map((one) => [one.author, one]));
  const handover = { ...proposal, ...signConsent(device, proposal), consents: [...others.values()] };
  checkQuorum(handover);
  return handover;
}

function checkQuorum(handover: Proposal & { consents: Consent[] }): void {
  const { mandate, channel_id, consents } = handover;
  try {
    checkAuthors(handover, channel_id, mandate.author);
  } catch (error) {
    if (!(error instanceof DcpError) || error.details['reason'] !== 'quorum') throw error;
    throw refused('quorum', { needed: quorumOf(mandate), have: consents.length + 1 });
  }
}

function refused(reason: string, details: object = {}): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason, ...details });
}
