import type { DeliveredMessage } from '@dcp/protocol';
import type { Storage } from '../storage/storage.js';

const PREFIX = 'e2ee/unread/';
/** Messages that wait for their key; of more, the oldest are given up. */
const MAX_UNREAD = 5_000;

export interface Unread {
  channel: string;
  message: DeliveredMessage;
}

/** Messages whose sender key has not come yet, over restarts too. */
export class UnreadMessages {
  private byKey: Map<string, Map<string, Unread>> | undefined;

  constructor(private readonly storage: Storage) {}

  async add(message: DeliveredMessage): Promise<void> {
    const byKey = await this.load();
    const unread = { channel: message.channel, message };
    await this.storage.set(nameOf(message), unread);
    place(byKey, nameOf(message), unread);
    if (this.count(byKey) > MAX_UNREAD) await this.dropOldest(byKey);
  }

  async remove(message: DeliveredMessage): Promise<void> {
    const byKey = await this.load();
    await this.storage.delete(nameOf(message));
    const same = byKey.get(message.encryption.key_id);
    same?.delete(nameOf(message));
    if (same?.size === 0) byKey.delete(message.encryption.key_id);
  }

  /** What waits for a key, in order. */
  async under(keyId: string): Promise<Unread[]> {
    const waiting = [...((await this.load()).get(keyId)?.values() ?? [])];
    return waiting.sort((a, b) => a.message.node.seq - b.message.node.seq);
  }

  async all(): Promise<Unread[]> {
    return [...(await this.load()).values()].flatMap((same) => [...same.values()]);
  }

  private async load(): Promise<Map<string, Map<string, Unread>>> {
    if (this.byKey !== undefined) return this.byKey;
    const byKey = new Map<string, Map<string, Unread>>();
    for (const name of await this.storage.keys(PREFIX)) {
      const unread = await this.storage.get<Unread>(name);
      if (unread !== undefined) place(byKey, name, unread);
    }
    this.byKey ??= byKey;
    return this.byKey;
  }

  private count(byKey: Map<string, Map<string, Unread>>): number {
    let count = 0;
    for (const same of byKey.values()) count += same.size;
    return count;
  }

  private async dropOldest(byKey: Map<string, Map<string, Unread>>): Promise<void> {
    const oldest = byKey.values().next().value?.values().next().value;
    if (oldest !== undefined) await this.remove(oldest.message);
  }
}

function place(byKey: Map<string, Map<string, Unread>>, name: string, unread: Unread): void {
  const keyId = unread.message.encryption.key_id;
  const same = byKey.get(keyId) ?? new Map<string, Unread>();
  byKey.set(keyId, same.set(name, unread));
}

function nameOf({ channel_id, node }: DeliveredMessage): string {
  return `${PREFIX}${channel_id}/${String(node.seq).padStart(12, '0')}`;
}
