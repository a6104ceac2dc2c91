import * as z from 'zod';
import {
  hashField,
  messageReferenceField,
  nodeIdField,
  signatureField,
  textUpTo,
  timeField,
  userIdField,
} from './fields.js';

/** Shared moderation (§10.2, §10.3, profile §6): what one node decides, and how others can hold it to its word. */

/** §10.3, and `block_node`: what is decided about somebody or something. */
export const DECISION_ACTIONS = ['ban_user', 'temp_ban_user', 'flag_content', 'rate_limit_user', 'block_node'] as const;
export type DecisionAction = (typeof DECISION_ACTIONS)[number];

/** What a node's log may hold; `lift` ends an earlier entry of the same log. */
export const LOG_ACTIONS = [...DECISION_ACTIONS, 'lift'] as const;
export type LogAction = (typeof LOG_ACTIONS)[number];

export const DECISION_SUBJECTS = ['user', 'node', 'message'] as const;
/** What the target of an action is. */
export type DecisionSubject = (typeof DECISION_SUBJECTS)[number];

/** `spam`, `harassment`, …: every community has its own. */
export const evidenceTypeField = z
  .string()
  .regex(/^[a-z0-9][a-z0-9_-]{0,59}$/, { error: 'not a kind of evidence (a-z, 0-9, _ and -)' });

/** §10.2: why. `proof` (report.ts) may be among its members; whoever reads it checks it by itself. */
export const trustEvidence = z.looseObject({
  type: evidenceTypeField,
  messages: z.array(messageReferenceField).max(100),
  timestamp: timeField,
});
export type TrustEvidence = z.infer<typeof trustEvidence>;

/** `rep_` and 16 of a-z, 2-7. */
export const reportIdField = z.string().regex(/^rep_[a-z2-7]{16}$/, { error: 'not a report id' });
/** Reports that one decision settles. */
export const MAX_CITED_REPORTS = 20;

const targetField = z.string().min(1).max(120);
/** Messages a minute. */
const perMinuteField = z.number().int().min(1).max(6_000);

/**
 * §10.2, as printed. Without `by` its signature names no key; and who is a moderator elsewhere nobody here can know: it only ever reaches
 * the review queue (profile §6).
 */
export const trustUpdateFrame = z
  .looseObject({
    type: z.literal('trust_update'),
    action: z.enum(DECISION_ACTIONS),
    target: targetField,
    evidence: trustEvidence,
    expires: timeField.optional(),
    per_minute: perMinuteField.optional(),
    /** The moderator, whose identity key signed (TYPE TRUST); a user of the node that sends it. */
    by: userIdField.optional(),
    signature: signatureField,
  })
  .superRefine(fits);
export type TrustUpdateFrame = z.infer<typeof trustUpdateFrame>;

/** What an administrator decides; the node adds the rest. */
export const newDecision = z
  .looseObject({
    action: z.enum(DECISION_ACTIONS),
    target: targetField,
    /** `temp_ban_user` must have it, `rate_limit_user` may. */
    expires: timeField.optional(),
    /** `rate_limit_user` only. */
    per_minute: perMinuteField.optional(),
    evidence: trustEvidence.optional(),
    /** For the other nodes, who see it. */
    note: textUpTo(500).optional(),
    /** Open reports that this settles; what they say goes into `evidence`. */
    reports: z.array(reportIdField).min(1).max(MAX_CITED_REPORTS).optional(),
    /**
     * Puts the message of the first verified report and its key into `evidence.proof`, for good and for every node that reads this one's
     * log; left out where the entry would grow beyond MAX_TRUST_ENTRY_BYTES.
     */
    with_proof: z.boolean().optional(),
  })
  .superRefine(fits);
export type NewDecision = z.infer<typeof newDecision>;

/** One entry of a node's trust log, signed by the node's key (TYPE TRUST). `prev` is the hash of the entry before: of what that one's signature covers. */
export const trustEntry = z
  .looseObject({
    issuer: nodeIdField,
    /** From 1, without a gap. */
    seq: z.number().int().min(1),
    prev: hashField.nullable(),
    issued: timeField,
    expires: timeField.optional(),
    action: z.enum(LOG_ACTIONS),
    target: targetField,
    /** `lift`: the entry that it ends. */
    lifts: z.number().int().min(1).optional(),
    per_minute: perMinuteField.optional(),
    evidence: trustEvidence.optional(),
    note: textUpTo(500).optional(),
    /** The moderator who decided. */
    by: userIdField,
    signature: signatureField,
  })
  .superRefine(fits);
export type TrustEntry = z.infer<typeof trustEntry>;

/** A node's word on its whole log: the Merkle root (RFC 9162 §2.1) over the JCS forms of the first `size` entries. TYPE TRUST. */
export const trustHead = z.looseObject({
  issuer: nodeIdField,
  size: z.number().int().min(0),
  root: hashField,
  issued: timeField,
  signature: signatureField,
});
export type TrustHead = z.infer<typeof trustHead>;

/** Entries of one page between nodes, and their bytes as JSON. */
export const MAX_TRUST_PAGE = 200;
export const MAX_TRUST_PAGE_BYTES = 256 * 1024;

/** Bytes of one entry, decision or frame as JSON: evidence may carry members of its own, but not the messages themselves. */
export const MAX_TRUST_ENTRY_BYTES = 8 * 1024;

const SUBJECT_OF: Record<DecisionAction, DecisionSubject> = {
  ban_user: 'user',
  temp_ban_user: 'user',
  rate_limit_user: 'user',
  flag_content: 'message',
  block_node: 'node',
};

const FIELD_OF: Record<DecisionSubject, z.ZodType<string>> = {
  user: userIdField,
  node: nodeIdField,
  message: messageReferenceField,
};

export function subjectOf(action: DecisionAction): DecisionSubject {
  return SUBJECT_OF[action];
}

/** What an id names by its form, among those that can be blocked. */
export function blockedSubject(id: string): 'user' | 'node' | undefined {
  if (userIdField.safeParse(id).success) return 'user';
  return nodeIdField.safeParse(id).success ? 'node' : undefined;
}

interface Decided {
  action: LogAction;
  target: string;
  expires?: string | undefined;
  per_minute?: number | undefined;
  lifts?: number | undefined;
}

/** The target fits the action, each action has the members that it needs and no others, and all of it is short. */
function fits(value: Decided, context: z.RefinementCtx): void {
  const wrong = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
  const { action } = value;
  if (new TextEncoder().encode(JSON.stringify(value)).length > MAX_TRUST_ENTRY_BYTES)
    wrong('evidence', `longer than ${MAX_TRUST_ENTRY_BYTES} bytes`);
  if (action !== 'lift' && !FIELD_OF[SUBJECT_OF[action]].safeParse(value.target).success)
    wrong('target', `not the id of a ${SUBJECT_OF[action]}`);
  if ((value.lifts !== undefined) !== (action === 'lift')) wrong('lifts', 'belongs to lift, and only to it');
  if (action === 'temp_ban_user' && value.expires === undefined) wrong('expires', 'required');
  if (value.expires !== undefined && action !== 'temp_ban_user' && action !== 'rate_limit_user')
    wrong('expires', `${action} has no end`);
  if ((value.per_minute !== undefined) !== (action === 'rate_limit_user'))
    wrong('per_minute', 'belongs to rate_limit_user, and only to it');
}
