import { CHANNEL, type Entry, type ReportFault } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { canonicalJson, DcpError, type StoredMessage } from '@dcp/protocol';
import { asSigned } from './message-proof.js';

/** The channel's home may be another node, which has to be asked. */
const ANSWER_MS = 15_000;

const FAULTS: Partial<Record<string, ReportFault>> = {
  CHANNEL_NOT_FOUND: 'not_a_member',
  INSUFFICIENT_PERMISSIONS: 'not_a_member',
  MESSAGE_NOT_FOUND: 'not_in_channel',
};

/** The log of a channel, as the channel service shows it to a member. */
export class ChannelLog {
  constructor(private readonly bus: Bus) {}

  /**
   * Undefined: the user may read the channel, and there the message stands, as it is given, or wiped. Members may read, and be handed the
   * keys of, what was written before they came; so this asks for no more than that he is one. Rejects when the log cannot be read now.
   */
  async faultOf(userId: string, message: StoredMessage): Promise<ReportFault | undefined> {
    try {
      const entry = await this.#entry(userId, message);
      return entry !== undefined && isSame(entry, message) ? undefined : 'not_in_channel';
    } catch (error) {
      const fault = error instanceof DcpError ? FAULTS[error.code] : undefined;
      if (fault === undefined) throw error;
      return fault;
    }
  }

  /** The one after the one before it: numbers have no gaps. */
  async #entry(user_id: string, { channel_id, id }: StoredMessage): Promise<Entry | undefined> {
    const before = { channel_id, user_id, before: id, limit: 1 };
    const page = await this.bus.request(CHANNEL.history, before, { timeoutMs: ANSWER_MS });
    const range = { channel_id, user_id, after: page.entries.at(-1)?.seq ?? 0, limit: 1 };
    const { entries } = await this.bus.request(CHANNEL.range, range, { timeoutMs: ANSWER_MS });
    return entries[0];
  }
}

function isSame({ id, body }: Entry, message: StoredMessage): boolean {
  if (id !== message.id) return false;
  if (body === '') return true;
  const stored = { ...(JSON.parse(body) as StoredMessage), channel_id: message.channel_id };
  return canonicalJson(asSigned(stored)) === canonicalJson(asSigned(message));
}
