import { type Report, REPORT_STATES, type ReportQuery, type ReportReceipt, type Session } from '@dcp/contracts';
import { randomBytes, toBase32 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import {
  canonicalJson,
  checkValues,
  DcpError,
  type MessageProof,
  type MessageReport,
  messageReport,
  parseWith,
  reportIdField,
} from '@dcp/protocol';
import { z } from 'zod';
import { requireAdmin } from '../admin.js';
import type { TrustMetrics } from '../metrics.js';
import type { ChannelLog } from './channel-log.js';
import { asSigned, openProof, type ProofVerifier, type Proven } from './message-proof.js';
import { type NewReport, type ReportRow, REPORTS_PAGE, type ReportStore } from './report.store.js';

/** Whoever reports more than anybody reads has to wait. */
const LIMITS = { open: 50, all: 100_000 };
const RETRY_SECONDS = 3_600;

const listQuery = z.object({
  state: z.enum(REPORT_STATES),
  author: z.string().max(120).optional(),
  after: z
    .string()
    .regex(/^\d{1,18}$/)
    .optional(),
});

export interface ReportParts {
  reports: ReportStore;
  channels: ChannelLog;
  proofs: ProofVerifier;
  clock: Clock;
  metrics: TrustMetrics;
}

/** Messages that users of this node report to its administrators. */
export class ReportService {
  constructor(private readonly parts: ReportParts) {}

  /** What cannot be verified is taken too, and shows nothing but the reporter's word. */
  async report(session: Session, value: MessageReport): Promise<ReportReceipt> {
    checkValues(value, 0);
    const report = parseWith(messageReport, value);
    const { reports, metrics } = this.parts;
    if (report.message.author === session.user_id) throw new DcpError('CONFLICT', { reason: 'yourself' });
    const known = await reports.findOpen(session.user_id, report.channel_id, report.message.id);
    if (known?.verified === true) return known;
    // Before other services are asked.
    if (known === undefined && (await reports.countOpen(session.user_id)) >= LIMITS.open)
      throw full('too_many_reports');
    const proven = await this.#verify(session.user_id, report);
    const taken = await reports.add(this.#row(session.user_id, report, proven), LIMITS);
    if (typeof taken === 'string') throw full(taken);
    metrics.reports.inc({ verdict: taken.fault ?? 'verified' });
    return taken;
  }

  async list(session: Session, query: ReportQuery): Promise<{ reports: Report[]; next?: string }> {
    requireAdmin(session);
    const { state, author, after } = query;
    const rows = await this.parts.reports.list(parseWith(listQuery, { state, author, after }));
    const last = rows.at(-1);
    const shown = rows.map(shownTo);
    return rows.length < REPORTS_PAGE || last === undefined
      ? { reports: shown }
      : { reports: shown, next: String(last.number) };
  }

  async dismiss(session: Session, id: string): Promise<Report> {
    requireAdmin(session);
    const [report] = await this.open([parseWith(reportIdField, id)]);
    await this.close([id], session.user_id, null);
    const [closed = report] = await this.parts.reports.find([id]);
    if (closed === undefined) throw new DcpError('MESSAGE_NOT_FOUND', { reason: 'no_such_report', report: id });
    return shownTo(closed);
  }

  /** In the order of the ids. MESSAGE_NOT_FOUND `no_such_report`, CONFLICT `report_closed`. */
  async open(ids: readonly string[]): Promise<ReportRow[]> {
    const rows = new Map((await this.parts.reports.find(ids)).map((row) => [row.id, row]));
    return [...new Set(ids)].map((report) => {
      const row = rows.get(report);
      if (row === undefined) throw new DcpError('MESSAGE_NOT_FOUND', { reason: 'no_such_report', report });
      if (row.closed !== null) throw new DcpError('CONFLICT', { reason: 'report_closed', report });
      return row;
    });
  }

  /** What was disclosed with them is gone then. */
  async close(ids: readonly string[], by: string, decision: string | null): Promise<void> {
    await this.parts.reports.close(ids, by, decision, new Date(this.parts.clock.now()));
  }

  async #verify(reporter: string, report: MessageReport): Promise<Proven> {
    const fault = await this.parts.channels.faultOf(reporter, report.message);
    if (fault !== undefined) return { fault };
    return (await this.parts.proofs.verify(report)) ?? { fault: 'unknown_device' };
  }

  #row(reporter: string, { channel_id, message, key, reason, note }: MessageReport, proven: Proven): NewReport {
    const fault = 'fault' in proven ? proven.fault : null;
    const { id: message_id, author, timestamp, type } = message;
    const kept = fault === null && message.encryption.algorithm !== 'none' ? (key ?? null) : null;
    return {
      id: `rep_${toBase32(randomBytes(10))}`,
      ...{ reporter, channel_id, message_id, author, timestamp, type, reason },
      note: note ?? null,
      message: fault === null ? canonicalJson(asSigned(message)) : null,
      message_key: kept,
      verified: fault === null,
      fault,
      reported: new Date(this.parts.clock.now()),
    };
  }
}

function full(reason: string): DcpError {
  return new DcpError('RATE_LIMITED', { reason, retry_after: RETRY_SECONDS });
}

/** Undefined for a report that is not verified, or closed. */
export function proofOf({ message, message_key }: ReportRow): MessageProof | undefined {
  if (message === null) return undefined;
  const stored = JSON.parse(message) as MessageProof['message'];
  return message_key === null ? { message: stored } : { message: stored, key: message_key };
}

function shownTo(row: ReportRow): Report {
  const { number: _number, message: _message, message_key: _key, reported, closed, ...rest } = row;
  const proof = proofOf(row);
  const proven = proof && openProof(proof);
  return {
    ...rest,
    content: proven !== undefined && 'content' in proven ? proven.content : null,
    reported: reported.toISOString(),
    closed: closed?.toISOString() ?? null,
  };
}
