/** Reports of messages, as those see them who run the node (profile §6). */

/**
 * Why a report shows nothing but the reporter's word:
 * - `not_a_member`: he is not in the channel (any more);
 * - `not_in_channel`: the channel has no such message, or another one of this id;
 * - `unknown_device`: not a device of the author, one that was revoked before, or nobody knows the author;
 * - `bad_signature`: the author did not sign this;
 * - `key_missing`: encrypted, and reported without its key; `wrong_key`: the key does not open it;
 * - `malformed`: it is open, and is no message.
 */
export const REPORT_FAULTS = [
  'not_a_member',
  'not_in_channel',
  'unknown_device',
  'bad_signature',
  'key_missing',
  'wrong_key',
  'malformed',
] as const;
export type ReportFault = (typeof REPORT_FAULTS)[number];

/** The answer to a reporter. */
export interface ReportReceipt {
  id: string;
  verified: boolean;
  /** Null when it is verified. */
  fault: ReportFault | null;
}

/** Times are ISO. */
export interface Report extends ReportReceipt {
  reporter: string;
  channel_id: string;
  message_id: string;
  /** Who wrote it; by the reporter's word only, unless it is verified. */
  author: string;
  /** The message's own time and type. */
  timestamp: string;
  type: string;
  reason: string;
  note: string | null;
  /** What the author wrote. Null unless the report is verified, and once it is closed. */
  content: Record<string, unknown> | null;
  reported: string;
  /** Null while it is open. */
  closed: string | null;
  closed_by: string | null;
  /** The decision that settled it; null for one that was dismissed. */
  decision: string | null;
}

export const REPORT_STATES = ['open', 'closed'] as const;
export type ReportState = (typeof REPORT_STATES)[number];

export interface ReportQuery {
  state: ReportState;
  /** About messages of this user. */
  author?: string | undefined;
  after?: string | undefined;
}

/** The message on which a decision rests, when its proof was verified here. */
export interface ProvenMessage {
  author: string;
  channel_id: string;
  message_id: string;
  timestamp: string;
  type: string;
  /** Null when it is too long to be shown in a list. */
  content: Record<string, unknown> | null;
}
