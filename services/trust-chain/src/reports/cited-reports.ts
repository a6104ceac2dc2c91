import {
  DcpError,
  MAX_TRUST_ENTRY_BYTES,
  type MessageProof,
  type NewDecision,
  subjectOf,
  type TrustEvidence,
} from '@dcp/protocol';
import type { Draft } from '../log/own-log.service.js';
import { proofOf } from './report.service.js';
import type { ReportRow } from './report.store.js';

/** Who or what a message can be held against: its author, his node, itself. */
export interface Written {
  author: string;
  message_id: string;
}

export function isAbout(
  { author, message_id }: Written,
  { action, target }: Pick<NewDecision, 'action' | 'target'>,
): boolean {
  const subject = subjectOf(action);
  if (subject === 'message') return message_id === target;
  return subject === 'user' ? author === target : author.startsWith(`${target}.`);
}

const MAX_EVIDENCE_MESSAGES = 100;

/** The evidence of a decision that settles these reports, without proof. CONFLICT `other_target`. */
export function evidenceOf(decision: NewDecision, reports: readonly ReportRow[], timestamp: string): TrustEvidence {
  const other = reports.find((report) => !isAbout(report, decision));
  if (other !== undefined) throw new DcpError('CONFLICT', { reason: 'other_target', report: other.id });
  const { evidence } = decision;
  const type = evidence?.type ?? reports[0]?.reason ?? 'moderation';
  const messages = [...new Set([...(evidence?.messages ?? []), ...reports.map(({ message_id }) => message_id)])];
  return { timestamp, ...evidence, type, messages: messages.slice(0, MAX_EVIDENCE_MESSAGES) };
}

/** Of the first report that has one. CONFLICT `no_proof`. */
export function proofOfAny(reports: readonly ReportRow[]): MessageProof {
  const [proof] = reports.flatMap((report) => proofOf(report) ?? []);
  if (proof === undefined) throw new DcpError('CONFLICT', { reason: 'no_proof' });
  return proof;
}

/** With the proof, if others can still take the entry then. */
export function withProof(draft: Draft & { evidence: TrustEvidence }, proof: MessageProof, by: string): Draft {
  const proven = { ...draft, evidence: { ...draft.evidence, proof } };
  return entryBytes(proven, by) <= MAX_TRUST_ENTRY_BYTES ? proven : draft;
}

/** Bytes of the entry as it will be, with the longest place in the log. */
function entryBytes(draft: Draft, by: string): number {
  const hash = `sha256:${'0'.repeat(64)}`;
  const place = { issuer: '00000000', seq: 2 ** 31, prev: hash, issued: new Date(0).toISOString() };
  const signature = `ed25519:${'A'.repeat(88)}`;
  return Buffer.byteLength(JSON.stringify({ ...place, ...draft, by, signature }));
}
