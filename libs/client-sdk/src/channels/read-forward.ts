import { type DeliveredMessage, MAX_PAGE } from '@dcp/protocol';
import type { NodePort } from '../e2ee/node-port.js';

export interface ForwardPage {
  messages: DeliveredMessage[];
  last_seq: number | null;
  has_more: boolean;
}

/** What a channel holds behind the number `after`, as the node has it: ascending, `limit` messages at most (§8.3). */
export function readForward(node: NodePort, channel: string, after: number, limit = MAX_PAGE): Promise<ForwardPage> {
  return node.command<ForwardPage>('get_history', { channel, after, limit });
}
