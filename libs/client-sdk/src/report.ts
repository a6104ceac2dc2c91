import { DcpError, type DeliveredMessage, type MessageReport } from '@dcp/protocol';
import type { Disclosure } from './e2ee/disclosure.js';
import type { NodePort } from './e2ee/node-port.js';

export interface ReportReason {
  /** `spam`, `harassment`, …: a-z, 0-9, _ and -. */
  reason: string;
  /** In one's own words, 500 characters at most. */
  note?: string | undefined;
  /** Reports an encrypted message although its key is gone: nobody can verify that then. */
  withoutKey?: boolean | undefined;
}

export interface ReportReceipt {
  id: string;
  /** Those who run the node see what the author wrote. */
  verified: boolean;
  /** Why they do not. */
  fault: string | null;
}

interface Page {
  messages: DeliveredMessage[];
  last_seq: number | null;
}

/**
 * Reports a message to those who run one's own node (profile §6). Of an encrypted one its own key is given to them, and to the node: it
 * opens this message and no other. CONFLICT `key_gone`, `not_written` (a change of the channel), MESSAGE_NOT_FOUND (also for what the node hides: wiped, or of somebody whom one
 * has blocked), RATE_LIMITED `too_many_reports`.
 */
export async function reportMessage(
  node: NodePort,
  disclosure: Disclosure,
  channelId: string,
  messageId: string,
  { reason, note, withoutKey = false }: ReportReason,
): Promise<ReportReceipt> {
  const delivered = await storedMessage(node, channelId, messageId);
  // A change of the channel says what was done, not what was written: who did it may be reported by what he writes.
  if (delivered.type === 'system') throw new DcpError('CONFLICT', { reason: 'not_written', message_id: messageId });
  const { channel: _channel, node: _node, ...message } = delivered;
  const sealed = delivered.encryption.algorithm !== 'none';
  const key = sealed && !withoutKey ? await disclosure.keyOf(delivered) : undefined;
  const report = { channel_id: channelId, message, reason, ...(key && { key }), ...(note && { note }) };
  return await node.rest<ReportReceipt>('/reports', { method: 'POST', body: report as MessageReport });
}

/** As the node keeps it: the one after the one before it, since numbers have no gaps. */
async function storedMessage(node: NodePort, channel: string, messageId: string): Promise<DeliveredMessage> {
  const before = await node.command<Page>('get_history', { channel, before: messageId, limit: 1 });
  const after = await node.command<Page>('get_history', { channel, after: before.last_seq ?? 0, limit: 1 });
  const [message] = after.messages;
  if (message?.id !== messageId || message.channel_id !== channel) throw new DcpError('MESSAGE_NOT_FOUND');
  return message;
}
