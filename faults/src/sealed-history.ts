import type { SealedDevice } from './sealed-device.js';
import type { Stay, Violation } from './sealed-record.js';

const PAGE = 100;

export interface HistoryTruth {
  channelId: string;
  /** Texts by id. */
  written: ReadonlyMap<string, string>;
  /** What was said up to here, before the device was there, need not be readable. */
  after: number;
  /** When the device's user was in the channel. */
  stays: readonly Stay[];
}

/** Reads a channel's whole history on a device: what its user was a member for is readable, everything else is not. */
export async function checkHistory(device: SealedDevice, truth: HistoryTruth): Promise<Violation[]> {
  const faults: Violation[] = [];
  for (let before: string | null | undefined; before !== null;) {
    const options = before === undefined ? { limit: PAGE } : { limit: PAGE, before };
    const page = await device.client.history(truth.channelId, options);
    for (const message of page.messages)
      if (message.type !== 'system') faults.push(...compare(device.record.name, message, truth));
    before = page.has_more ? page.next_cursor : null;
  }
  return faults;
}

interface Shown {
  id: string;
  node: { seq: number };
  content: Record<string, unknown>;
  undecryptable?: { reason: string };
}

function compare(name: string, { id, node: { seq }, content, undecryptable }: Shown, truth: HistoryTruth): Violation[] {
  const wasMember = truth.stays.some(({ from, to }) => seq > from && seq < to);
  const where = `${seq} of ${truth.channelId.slice(0, 9)} in the history`;
  if (!wasMember && undecryptable === undefined) return [{ rule: 'leaked', text: `${name} reads ${where}` }];
  if (!wasMember || (undecryptable !== undefined && seq <= truth.after)) return [];
  if (undecryptable !== undefined)
    return [{ rule: 'unread', text: `${name} cannot read ${where}: ${undecryptable.reason}` }];
  return content['text'] === truth.written.get(id)
    ? []
    : [{ rule: 'altered', text: `${name} reads something else at ${where}` }];
}
