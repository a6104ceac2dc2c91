import {
  CryptoError,
  fromBase64,
  fromUtf8,
  openState,
  sealState,
  toBase64,
  toUtf8,
  type SecretBytes,
  type SenderKeyStart,
} from '@dcp/crypto';
import { MAX_BACKUP_IDS, MAX_BACKUP_RECORDS, type BackupPage, type BackupRecord } from '@dcp/protocol';
import type { Storage } from '../storage/storage.js';
import { monthAt, type MonthKey, type MonthKeys } from './month-keys.js';
import type { NodePort } from './node-port.js';
import type { KeyOwner, ReceivedKeys } from './received-keys.js';
import { Serial } from './serial.js';

const WAITING = 'e2ee/backup/';
/** The record of a monthly key itself, sealed under the backup key. */
const KEY_RECORD = 'mk:';

/** A sender key as it is backed up: enough to open every message from `n` on. */
interface BackedUpKey extends KeyOwner {
  n: number;
  chain: string;
}

export interface BackedUp {
  owner: KeyOwner;
  start: SenderKeyStart;
}

/**
 * The sealed backup at the home node (profile §5): each sender key as it was first handed over, under the month's key; the months' keys
 * under a key that only who opens the identity file has. The node keeps the ciphertext of every message anyway, so a restored device
 * needs no more than this to read its history.
 */
export class KeyBackup {
  private readonly line = new Serial();
  /** The node keeps no backup for this kind of account. */
  private refused = false;

  constructor(
    private readonly storage: Storage,
    private readonly node: NodePort,
    private readonly backupKey: SecretBytes | undefined,
    private readonly now: () => number,
  ) {}

  get enabled(): boolean {
    return this.backupKey !== undefined && !this.refused;
  }

  /** Puts a sender key on the list of what the backup lacks. */
  async add(
    months: MonthKeys,
    owner: KeyOwner,
    start: { keyId: string; n: number; chainKey: Uint8Array },
  ): Promise<void> {
    if (!this.enabled) return;
    const month = monthAt(this.now());
    const { channelId, userId, device } = owner;
    const kept: BackedUpKey = { channelId, userId, device, n: start.n, chain: toBase64(start.chainKey) };
    const body = await months.seal(month, start.keyId, toUtf8(JSON.stringify(kept)));
    await this.wait({ id: start.keyId, month, body: toBase64(toUtf8(body)) });
  }

  async addMonth({ id, month, key }: MonthKey): Promise<void> {
    if (this.backupKey === undefined) return;
    const body = toBase64(sealState(this.backupKey, KEY_RECORD + id, key.reveal()));
    await this.wait({ id: KEY_RECORD + id, month, body });
  }

  private wait(record: BackupRecord): Promise<void> {
    return this.storage.set(WAITING + record.id, record);
  }

  /** Sends what waits; what the node has already stays as it is there. Rejects when it cannot now; nothing is lost then. */
  flush(): Promise<void> {
    return this.line.run(async () => {
      for (;;) {
        const names = (await this.storage.keys(WAITING)).slice(0, MAX_BACKUP_RECORDS);
        if (names.length === 0) return;
        const records = await Promise.all(names.map((name) => this.storage.get<BackupRecord>(name)));
        const body = { records: records.filter((record) => record !== undefined) };
        await this.node
          .rest('/backup/records', { method: 'PUT', body })
          .catch((error: unknown) => this.noteRefusal(error));
        await this.storage.apply(new Map(names.map((name) => [name, undefined])));
      }
    });
  }

  /** Reads everything back into a new device. Answers how many sender keys came. */
  async restore(months: MonthKeys, keys: ReceivedKeys): Promise<number> {
    let restored = 0;
    for (const { owner, start } of await this.read(months)) if (await keys.put(owner, start)) restored++;
    return restored;
  }

  /** Every sender key of the backup that can be opened. */
  async read(months: MonthKeys): Promise<BackedUp[]> {
    if (!this.enabled) return [];
    const records = await this.records();
    for (const record of records) if (record.id.startsWith(KEY_RECORD)) await this.readMonth(months, record);
    const keys: BackedUp[] = [];
    for (const record of records) {
      const key = record.id.startsWith(KEY_RECORD) ? undefined : await this.readKey(months, record);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }

  /** Those of these sender keys that the backup has and that can be opened. */
  async find(months: MonthKeys, keyIds: readonly string[]): Promise<BackedUp[]> {
    if (!this.enabled) return [];
    const records = await this.named(keyIds);
    const missing = new Set<string>();
    for (const { body } of records) {
      const id = readable(() => fromUtf8(fromBase64(body)).split(':')[0]);
      if (id !== undefined && (await months.find(id)) === undefined) missing.add(KEY_RECORD + id);
    }
    for (const record of await this.named([...missing])) await this.readMonth(months, record);
    const keys = await Promise.all(records.map((record) => this.readKey(months, record)));
    return keys.filter((key) => key !== undefined);
  }

  private async named(ids: readonly string[]): Promise<BackupRecord[]> {
    const records: BackupRecord[] = [];
    for (let at = 0; at < ids.length; at += MAX_BACKUP_IDS) {
      const some = ids.slice(at, at + MAX_BACKUP_IDS).map((id) => encodeURIComponent(id));
      const page = await this.node
        .rest<BackupPage>(`/backup/records?ids=${some.join(',')}`)
        .catch((error: unknown) => this.noteRefusal(error));
      records.push(...(page?.records ?? []));
    }
    return records;
  }

  private async records(): Promise<BackupRecord[]> {
    const records: BackupRecord[] = [];
    for (let after: string | null = ''; after !== null;) {
      const query: string = after === '' ? '' : `?after=${encodeURIComponent(after)}`;
      const page: BackupPage | undefined = await this.node
        .rest<BackupPage>(`/backup/records${query}`)
        .catch((error: unknown) => this.noteRefusal(error));
      if (page === undefined) return [];
      records.push(...page.records);
      after = page.next;
    }
    return records;
  }

  /** Other accounts than standard ones have none: that is no failure. */
  private noteRefusal(error: unknown): undefined {
    if ((error as { details?: { reason?: unknown } }).details?.reason !== 'not_for_account_type') throw error;
    this.refused = true;
    return undefined;
  }

  private async readMonth(months: MonthKeys, { id, body }: BackupRecord): Promise<void> {
    const key = this.backupKey;
    if (key === undefined) return;
    const opened = readable(() => openState(key, id, fromBase64(body)));
    if (opened !== undefined) await months.adopt(id.slice(KEY_RECORD.length), opened);
  }

  private async readKey(months: MonthKeys, { id, body }: BackupRecord): Promise<BackedUp | undefined> {
    // What somebody else put there, or a month that was deleted, is passed over.
    const sealed = readable(() => fromUtf8(fromBase64(body)));
    const opened = sealed === undefined ? undefined : await months.open(sealed, id).catch(onlyCryptoErrors);
    if (opened === undefined) return undefined;
    const { n, chain, ...owner } = JSON.parse(fromUtf8(opened)) as BackedUpKey;
    return { owner, start: { keyId: id, n, chainKey: fromBase64(chain) } };
  }

  /** A month's records are deleted at the node; what waits of them here too. Without a month: all. */
  async delete(month?: string): Promise<void> {
    for (const name of await this.storage.keys(WAITING)) {
      const record = await this.storage.get<BackupRecord>(name);
      if (month === undefined || record?.month === month) await this.storage.delete(name);
    }
    await this.node.rest(`/backup/records${month === undefined ? '' : `?month=${month}`}`, { method: 'DELETE' });
  }
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    return onlyCryptoErrors(error);
  }
}

function onlyCryptoErrors(error: unknown): undefined {
  if (error instanceof CryptoError) return undefined;
  throw error;
}
