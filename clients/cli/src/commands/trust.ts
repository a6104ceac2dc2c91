import { readFileSync, writeFileSync } from 'node:fs';
import { blockedSubject, type DecisionAction, TRUST_LEVELS, type TrustLevel } from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import { openClient, type Context } from '../context.js';
import { printable, table } from '../output.js';
import { parseDuration } from './duration.js';
import { pages } from './pages.js';
import { openReports, reportText, wroteText } from './report.js';
import { blockListText, idsOf } from './trust-lists.js';

/** A decision as the node shows it. */
interface Decision {
  id: string;
  issuer: string;
  seq: number | null;
  action: DecisionAction;
  target: string;
  per_minute: number | null;
  issued: string;
  expires: string | null;
  evidence: { type: string; proof?: object } | null;
  evidence_verified: boolean | null;
  proven: { author: string; type: string; content: Record<string, unknown> | null } | null;
  note: string | null;
  verified: boolean;
  status: string;
  lifted_at: string | null;
  in_force: boolean;
}

interface ImportReport {
  added: string[];
  present: string[];
  refused: string[];
}

const TRUST = '/admin/trust';
/** Ids in one request: they fit into what a node takes. */
const IMPORT_CHUNK = 2_000;

/** `dcp trust levels` */
export async function trustLevelsCommand(context: Context): Promise<void> {
  const client = await openClient(context);
  const levels = await pages<{ node_id: string; level: TrustLevel }>(
    (path) => client.call(path),
    `${TRUST}/levels`,
    'levels',
  );
  const rows = levels.map(({ node_id, level }) => [node_id, level]);
  const text = rows.length === 0 ? 'Nobody is rated: every node is unknown.' : table([['NODE', 'LEVEL'], ...rows]);
  context.output.result({ levels }, text);
}

/** `dcp trust set NODE LEVEL` */
export async function trustSetCommand(context: Context, node: string, level: string): Promise<void> {
  if (!(TRUST_LEVELS as readonly string[]).includes(level))
    throw new CliError('usage', `"${level}" is no trust level: use ${TRUST_LEVELS.join(', ')}`);
  const client = await openClient(context);
  const set = await client.call(`${TRUST}/levels/${encodeURIComponent(node)}`, { method: 'PUT', body: { level } });
  context.output.result(set, `${node} is ${level} now.`);
}

interface BanOptions {
  for?: string;
  reason?: string;
  message?: string[];
  note?: string;
  report?: string[];
  withProof?: boolean;
}

/** `dcp trust ban TARGET [--for 7d] [--reason spam] [--message ID...] [--report ID... [--with-proof]] [--note TEXT]`: a user, or a whole node. */
export async function trustBanCommand(context: Context, target: string, options: BanOptions): Promise<void> {
  const subject = blockedSubject(target);
  if (subject === undefined)
    throw new CliError('usage', `"${target}" is neither a user (node.name) nor a node (8 of a-z, 0-9)`);
  if (subject === 'node' && options.for !== undefined)
    throw new CliError('usage', 'A node is blocked until you unban it: leave --for away');
  const expires =
    options.for === undefined ? undefined : new Date(Date.now() + parseDuration(options.for) * 1_000).toISOString();
  const action = subject === 'node' ? 'block_node' : expires === undefined ? 'ban_user' : 'temp_ban_user';
  const { note, report: reports, withProof: with_proof } = options;
  if (with_proof === true && reports === undefined)
    throw new CliError('usage', '--with-proof publishes what a report shows: add --report ID');
  const client = await openClient(context);
  const decided = await client.call<Decision>(`${TRUST}/decisions`, {
    method: 'POST',
    body: { action, target, expires, evidence: evidenceOf(options), note, reports, with_proof },
  });
  const until = expires === undefined ? 'until you take it back' : `until ${expires}`;
  const done = `${target} is ${subject === 'node' ? 'blocked' : 'banned'} ${until} (${decided.id}).`;
  const unproven = with_proof === true && decided.evidence?.proof === undefined;
  context.output.result(decided, unproven ? `${done} The message is too long to be published with it.` : done);
}

/** Without a word of one's own the reports say why. */
function evidenceOf({ reason, message, report }: BanOptions): object | undefined {
  if (report !== undefined && reason === undefined && message === undefined) return undefined;
  return { type: reason ?? 'moderation', messages: message ?? [], timestamp: new Date().toISOString() };
}

/** `dcp trust unban TARGET`: takes back all that this node decided about it. */
export async function trustUnbanCommand(context: Context, target: string): Promise<void> {
  const client = await openClient(context);
  const { identity } = await context.profile.identity();
  const about = `${TRUST}/decisions?target=${encodeURIComponent(target)}`;
  const decisions = await pages<Decision>((path) => client.call(path), about, 'decisions');
  const ours = decisions.filter(
    ({ issuer, seq, lifted_at }) => issuer === identity.home_node_id && seq !== null && lifted_at === null,
  );
  for (const { id } of ours) await client.call(decisionPath(id, 'lift'), { method: 'POST', body: {} });
  const others = decisions.filter(({ in_force, issuer }) => in_force && issuer !== identity.home_node_id);
  const lifted = ours.map(({ id }) => id);
  const left = others.map(({ id }) => id);
  const hint = left.length === 0 ? '' : ` Other nodes decided too: dcp trust reject ${left.join(' ')}`;
  context.output.result({ lifted, left }, `${lifted.length} decision(s) taken back.${hint}`);
}

/** `dcp trust review`: what waits for a verdict. */
export async function trustReviewCommand(context: Context): Promise<void> {
  const client = await openClient(context);
  const decisions = await pages<Decision>((path) => client.call(path), `${TRUST}/review`, 'decisions');
  const reports = await openReports(client);
  const parts = [
    ...(decisions.length === 0 ? [] : [decisionTable(decisions), ...decisions.flatMap(provenLine)]),
    ...(reports.length === 0 ? [] : [reportText(reports)]),
  ];
  context.output.result({ decisions, reports }, parts.length === 0 ? 'Nothing waits.' : parts.join('\n'));
}

/** `dcp trust approve ID...`, `dcp trust reject ID...` */
export async function trustJudgeCommand(context: Context, verdict: 'approve' | 'reject', ids: string[]): Promise<void> {
  const client = await openClient(context);
  const decisions: Decision[] = [];
  for (const id of ids)
    decisions.push(await client.call<Decision>(decisionPath(id, verdict), { method: 'POST', body: {} }));
  context.output.result({ decisions }, decisionTable(decisions));
}

/** `dcp trust log [--of TARGET] [--nodes]`: decisions, newest first, or the logs that they come from. */
export async function trustLogCommand(
  context: Context,
  options: { of?: string; nodes?: boolean; limit: string },
): Promise<void> {
  if (options.nodes === true) return await nodesOfLog(context);
  const client = await openClient(context);
  const about = options.of === undefined ? '' : `?target=${encodeURIComponent(options.of)}`;
  const limit = Number.parseInt(options.limit, 10) || 50;
  const path = `${TRUST}/decisions${about}`;
  const decisions = await pages<Decision>((page) => client.call(page), path, 'decisions', limit);
  context.output.result({ decisions }, decisions.length === 0 ? 'No decisions yet.' : decisionTable(decisions));
}

async function nodesOfLog(context: Context): Promise<void> {
  const client = await openClient(context);
  type Log = { issuer: string; size: number; state: string; fault: string | null; checked_at: string | null };
  const logs = await pages<Log>((path) => client.call(path), `${TRUST}/logs`, 'logs');
  const rows = logs.map(({ issuer, size, state, fault, checked_at }) => [
    issuer,
    String(size),
    state === 'forked' ? 'FORKED: not believed any more' : state,
    fault ?? '-',
    checked_at ?? '-',
  ]);
  context.output.result({ logs }, table([['NODE', 'ENTRIES', 'STATE', 'FAULT', 'ASKED'], ...rows]));
}

/** `dcp trust refollow NODE`: believes a forked log again, from its beginning. */
export async function trustRefollowCommand(context: Context, node: string): Promise<void> {
  const client = await openClient(context);
  const path = `${TRUST}/logs/${encodeURIComponent(node)}/refollow`;
  const answer = await client.call(path, { method: 'POST', body: {} });
  context.output.result(answer, `The log of ${node} is read anew. See: dcp trust log --nodes`);
}

/** `dcp trust export [FILE] [--csv]` */
export async function trustExportCommand(context: Context, file: string, options: { csv?: boolean }): Promise<void> {
  const client = await openClient(context);
  const blocked = await pages<{ id: string; until: string | null }>(
    (path) => client.call(path),
    `${TRUST}/export`,
    'blocked',
  );
  const text = blockListText(blocked, options.csv === true || file.endsWith('.csv'));
  if (file === '-') return void process.stdout.write(text);
  writeFileSync(file, text, { flag: 'wx' });
  context.output.result({ file, count: blocked.length }, `${blocked.length} users and nodes written to ${file}.`);
}

/** `dcp trust import FILE [--dry-run] [--note TEXT]` */
export async function trustImportCommand(
  context: Context,
  file: string,
  options: { dryRun?: boolean; note?: string },
): Promise<void> {
  const ids = idsOf(readFileSync(file === '-' ? 0 : file, 'utf8'));
  const client = await openClient(context);
  const report: ImportReport = { added: [], present: [], refused: [] };
  const dry_run = options.dryRun === true;
  for (let from = 0; from < ids.length; from += IMPORT_CHUNK) {
    const body = { ids: ids.slice(from, from + IMPORT_CHUNK), dry_run, note: options.note };
    const part = await client.call<ImportReport>(`${TRUST}/import`, { method: 'POST', body });
    for (const name of ['added', 'present', 'refused'] as const) report[name].push(...part[name]);
  }
  const { added, present, refused } = report;
  const lines = [
    `${dry_run ? 'would be added' : 'added'}: ${added.length}`,
    `there already: ${present.length}`,
    `refused: ${refused.length}`,
    ...(dry_run ? added.map((id) => `+ ${printable(id)}`) : []),
    ...refused.map((id) => `? ${printable(id)}`),
  ];
  context.output.result({ ...report, dry_run }, lines.join('\n'));
}

/** What the message on which a decision rests says, if its proof holds here. */
function provenLine({ id, proven, evidence_verified }: Decision): string[] {
  if (evidence_verified === false) return [`${id}: its proof does NOT show what it should.`];
  if (proven === null) return [];
  const wrote = proven.content === null ? '(too long to be shown here)' : wroteText(proven.type, proven.content);
  return [`${id}: proven, ${proven.author} wrote: ${wrote}`];
}

function decisionPath(id: string, what: string): string {
  return `${TRUST}/decisions/${encodeURIComponent(id)}/${what}`;
}

function decisionTable(decisions: readonly Decision[]): string {
  const rows = decisions.map((decision) => [
    decision.id,
    decision.per_minute === null ? decision.action : `${decision.action} ${decision.per_minute}/min`,
    decision.target,
    decision.lifted_at === null ? decision.status : 'taken back',
    decision.expires ?? '-',
    `${decision.evidence?.type ?? '-'}${decision.verified ? '' : ' (signed by nobody we know)'}`,
    printable(decision.note ?? ''),
  ]);
  return table([['ID', 'ACTION', 'TARGET', 'STATUS', 'UNTIL', 'WHY', 'NOTE'], ...rows]);
}
