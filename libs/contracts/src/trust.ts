import type {
  DecisionAction,
  MessageReport,
  NewDecision,
  TrustEntry,
  TrustEvidence,
  TrustHead,
  TrustLevel,
  TrustUpdateFrame,
} from '@dcp/protocol';
import type { Session } from './auth.js';
import { rpc, topic } from './define.js';
import type { ProvenMessage, Report, ReportQuery, ReportReceipt } from './reports.js';

export interface NodeLevel {
  node_id: string;
  level: TrustLevel;
}

/** What holds for a user here, by decisions of this node or of trusted ones. Times are ISO; null: without an end. */
export interface UserStanding {
  user_id: string;
  banned_until?: string | null;
  /** Messages a minute; `until` as above. */
  rate?: { per_minute: number; until: string | null };
}

/** `pending`: waits for an administrator. `ignored`: its issuer is not listened to. */
export const DECISION_STATUSES = ['applied', 'pending', 'rejected', 'ignored'] as const;
export type DecisionStatus = (typeof DECISION_STATUSES)[number];

/** A decision of this node or of another, and what became of it here. Times are ISO. */
export interface Decision {
  /** `{issuer}.{seq}`, or `{issuer}.frame-…` for one that came outside of a log. */
  id: string;
  issuer: string;
  /** Null for what stands in no log. */
  seq: number | null;
  action: DecisionAction;
  target: string;
  per_minute: number | null;
  issued: string;
  expires: string | null;
  evidence: TrustEvidence | null;
  /**
   * Whether `evidence.proof` shows, by a signature of the author that was checked here, that he (or a user of the blocked node) wrote the
   * flagged message, or the one for which he is judged. Null: there is no proof, or it could not be checked yet.
   */
  evidence_verified: boolean | null;
  /** What he wrote. Null unless `evidence_verified`. */
  proven: ProvenMessage | null;
  note: string | null;
  /** The moderator; null where only the node is known. */
  by: string | null;
  /** False: nobody's signature was found under it. */
  verified: boolean;
  status: DecisionStatus;
  /** The administrator here who approved or rejected; null: the node's trust level decided. */
  judged_by: string | null;
  /** What the one concerned has to say against it. */
  appeal: string | null;
  /** When its issuer took it back. */
  lifted_at: string | null;
  /** Whether it has an effect here and now. */
  in_force: boolean;
}

export const OVERRIDE_RULES = ['never', 'always'] as const;
/** `never`: no decision about the target has any effect here; `always`: banned or blocked here, whatever others decide, and told to nobody. */
export type OverrideRule = (typeof OVERRIDE_RULES)[number];

export interface Override {
  target: string;
  rule: OverrideRule;
  set_by: string;
  set_at: string;
}

/** One line of a block list: a user or a node. */
export interface BlockedId {
  id: string;
  /** Null: without an end. */
  until: string | null;
}

export interface ImportReport {
  /** Of these ids, which are blocked now (or, in a dry run, would be). */
  added: string[];
  /** Were blocked before. */
  present: string[];
  /** Not a user id or node id, or one that is never blocked here. */
  refused: string[];
  dry_run: boolean;
}

/** What would hold for a target if a node's decisions were applied. */
export interface ForeseenChange {
  target: string;
  action: DecisionAction;
  issuer: string;
}

/** A node's trust log as far as it is known here. */
export interface TrustLogSummary {
  issuer: string;
  size: number;
  /** The last head that was verified; null before the first. */
  head: TrustHead | null;
  /** `forked`: it contradicted itself; nothing of it is taken any more. */
  state: 'ok' | 'forked';
  /** What was wrong when it was asked for the last time. */
  fault: string | null;
  checked_at: string | null;
}

/** That an entry is in this node's log: RFC 9162 §2.1.3. */
export interface TrustProof {
  entry: TrustEntry;
  head: TrustHead;
  /** `sha256:` texts, from the leaf up; `entry` stands at position `seq - 1`. */
  proof: string[];
}

type Admin<T> = { session: Session } & T;

/** All but the level and standing questions and `report` are the administrators': others get 1002. */
export const TRUST = {
  /** Every node whose level is not `unknown`, or was set to it, in pages. */
  levels: rpc<{ after?: string | undefined }, { levels: NodeLevel[]; next?: string }>(
    'trust.levels',
    'trust-chain',
    'federation',
    'gateway',
  ),
  setLevel: rpc<Admin<{ node_id: string; level: TrustLevel }>, NodeLevel>('trust.set-level', 'trust-chain', 'gateway'),
  levelChanged: topic<NodeLevel>('trust.event.level-changed', 'trust-chain', 'federation'),

  /** Decides, and writes it into this node's log, which other nodes read. */
  decide: rpc<Admin<{ decision: NewDecision }>, Decision>('trust.decide', 'trust-chain', 'gateway'),
  /** Takes a decision of this node back. */
  lift: rpc<Admin<{ id: string }>, Decision>('trust.lift', 'trust-chain', 'gateway'),
  /** Newest first. The review queue is `status: 'pending'`. */
  decisions: rpc<
    Admin<{ status?: DecisionStatus | undefined; target?: string | undefined; after?: string | undefined }>,
    { decisions: Decision[]; next?: string }
  >('trust.decisions', 'trust-chain', 'gateway'),
  /** An administrator's word on a decision of another node, or on a flagged message. */
  judge: rpc<Admin<{ id: string; verdict: 'approve' | 'reject' }>, Decision>('trust.judge', 'trust-chain', 'gateway'),
  appeal: rpc<Admin<{ id: string; note: string | null }>, Decision>('trust.appeal', 'trust-chain', 'gateway'),

  /**
   * By any user of this node: a message for its administrators. It is taken even if it cannot be verified; 3002 `too_many_reports` and
   * `reports_full`. The same message again is the same report.
   */
  report: rpc<{ session: Session; report: MessageReport }, ReportReceipt>(
    'trust.reports.make',
    'trust-chain',
    'gateway',
  ),
  /** Newest first. */
  reports: rpc<Admin<ReportQuery>, { reports: Report[]; next?: string }>(
    'trust.reports.list',
    'trust-chain',
    'gateway',
  ),
  /** Closes a report that needs no decision. */
  dismissReport: rpc<Admin<{ id: string }>, Report>('trust.reports.dismiss', 'trust-chain', 'gateway'),

  overrides: rpc<Admin<{ after?: string | undefined }>, { overrides: Override[]; next?: string }>(
    'trust.overrides.list',
    'trust-chain',
    'gateway',
  ),
  /** `rule: null` ends it. */
  setOverride: rpc<Admin<{ target: string; rule: OverrideRule | null }>, { target: string; rule: OverrideRule | null }>(
    'trust.overrides.set',
    'trust-chain',
    'gateway',
  ),

  /** Bans users and blocks nodes, each as a decision of this node. */
  importList: rpc<Admin<{ ids: string[]; dry_run: boolean; note?: string | undefined }>, ImportReport>(
    'trust.list.import',
    'trust-chain',
    'gateway',
  ),
  exportList: rpc<Admin<{ after?: string | undefined }>, { blocked: BlockedId[]; next?: string }>(
    'trust.list.export',
    'trust-chain',
    'gateway',
  ),
  /** What would change here if this node were trusted. */
  preview: rpc<Admin<{ node_id: string }>, { changes: ForeseenChange[]; has_more: boolean }>(
    'trust.preview',
    'trust-chain',
    'gateway',
  ),
  logs: rpc<Admin<{ after?: string | undefined }>, { logs: TrustLogSummary[]; next?: string }>(
    'trust.logs',
    'trust-chain',
    'gateway',
  ),
  /** Reads a forked log anew, when its node has explained itself. CONFLICT `not_forked` for others. */
  refollow: rpc<Admin<{ node_id: string }>, { node_id: string }>('trust.refollow', 'trust-chain', 'gateway'),
  proof: rpc<Admin<{ seq: number }>, TrustProof>('trust.proof', 'trust-chain', 'gateway'),

  /** Every user for whom something holds, in pages. */
  standings: rpc<{ after?: string | undefined }, { standings: UserStanding[]; next?: string }>(
    'trust.standings',
    'trust-chain',
    'gateway',
    'channel',
  ),
  /** All that holds for one user now; only his id: nothing. */
  standingChanged: topic<UserStanding>('trust.event.standing-changed', 'trust-chain', 'gateway', 'channel'),
} as const;

/** What a node tells others of its log: that it has grown, or the frame of §10.2. */
export type TrustUpdate = { head: TrustHead } | TrustUpdateFrame;
