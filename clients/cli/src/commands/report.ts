import type { DcpClient, ReportReceipt } from '@dcp/client-sdk';
import { asDcpError } from '@dcp/protocol';
import { CliError } from '../cli-error.js';
import { openClient, withClient, type Context } from '../context.js';
import { printable } from '../output.js';
import { channelName } from './channels.js';
import { channelToRead } from './messages.js';
import { pages } from './pages.js';

/** A report as the node shows it. */
interface Report {
  id: string;
  reporter: string;
  channel_id: string;
  message_id: string;
  author: string;
  timestamp: string;
  type: string;
  reason: string;
  note: string | null;
  verified: boolean;
  fault: string | null;
  content: Record<string, unknown> | null;
}

interface ReportOptions {
  reason: string;
  note?: string;
  withoutKey?: boolean;
}

const REPORTS = '/admin/trust/reports';

/** Why those who run the node cannot tell whether it is true. */
const FAULTS: Record<string, string> = {
  not_a_member: 'the reporter is not in that channel',
  not_in_channel: 'the channel has no such message',
  unknown_device: 'no device of the author that is known',
  bad_signature: 'the author did not sign this',
  key_missing: 'reported without its key',
  wrong_key: 'the key does not open it',
  malformed: 'it is no message',
};

/** `dcp report CHANNEL MESSAGE --reason spam [--note TEXT] [--without-key]` */
export async function reportCommand(
  context: Context,
  channel: string,
  messageId: string,
  { reason, note, withoutKey }: ReportOptions,
): Promise<void> {
  const name = await channelName(context, channel);
  const receipt = await withClient(context, async (client) => {
    const channelId = await channelToRead(client, name);
    return await client.report(channelId, messageId, { reason, note, withoutKey }).catch(inWords);
  });
  context.output.result(receipt, `Reported to those who run your node (${receipt.id}). ${outcome(receipt)}`);
}

function outcome({ verified, fault }: ReportReceipt): string {
  return verified
    ? 'They see this message, and that its author wrote it.'
    : `They see your word only: ${FAULTS[fault ?? ''] ?? String(fault)}.`;
}

function inWords(error: unknown): never {
  const { details, code } = asDcpError(error);
  if (details['reason'] === 'key_gone')
    throw new CliError(
      'key_gone',
      'The key of this message is not kept here, nor in your backup, so nobody could verify your report. To send it all the same: --without-key',
    );
  if (details['reason'] === 'not_written')
    throw new CliError(
      'not_written',
      'That says what was done in the channel: nobody wrote it. Report a message instead.',
    );
  if (code === 'MESSAGE_NOT_FOUND')
    throw new CliError(
      'no_message',
      'Your node shows you no such message there. Ids: dcp history CHANNEL --json. Those of people whom you block are hidden.',
    );
  throw error;
}

export function openReports(client: DcpClient): Promise<Report[]> {
  return pages<Report>((path) => client.call(path), REPORTS, 'reports');
}

/** Who reported whom, whether it is true, and what was written. */
export function reportText(reports: readonly Report[]): string {
  return reports
    .map((report) => {
      const note = report.note === null ? '' : `: ${printable(report.note)}`;
      return [
        `REPORT ${report.id}  ${report.reason}  ${report.verified ? 'verified' : `NOT VERIFIED (${FAULTS[report.fault ?? ''] ?? ''})`}`,
        `  about  ${report.author}, ${report.timestamp}, ${report.message_id}`,
        `  by     ${report.reporter}${note}`,
        ...(report.content === null ? [] : [`  wrote  ${wroteText(report.type, report.content)}`]),
      ].join('\n');
    })
    .join('\n');
}

/** On one line, whatever it is. */
export function wroteText(type: string, content: Record<string, unknown>): string {
  const text = content['text'] ?? content['caption'];
  return typeof text === 'string' ? printable(text).replaceAll('\n', ' / ') : `[${printable(type)}]`;
}

/** `dcp trust dismiss REPORT...` */
export async function trustDismissCommand(context: Context, ids: string[]): Promise<void> {
  const client = await openClient(context);
  for (const id of ids) await client.call(`${REPORTS}/${encodeURIComponent(id)}/dismiss`, { method: 'POST', body: {} });
  context.output.result({ dismissed: ids }, `${ids.length} report(s) closed; what was disclosed with them is gone.`);
}
