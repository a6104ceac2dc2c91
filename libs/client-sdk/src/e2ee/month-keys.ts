import { fromBase64, openState, randomBytes, sealState, toBase32, toBase64, SecretBytes } from '@dcp/crypto';
import type { Storage } from '../storage/storage.js';

const PREFIX = 'archive-key/';

/** One key of the archive; deleting it makes what was kept under it unreadable. */
export interface MonthKey {
  /** `2026-11.` and eight characters: two devices may begin a month at the same time. */
  id: string;
  month: string;
  key: SecretBytes;
}

/** The archive's keys, one or a few a month. Their names stand in the clear, so that a month can be deleted (profile §5). */
export class MonthKeys {
  private readonly cache = new Map<string, MonthKey>();
  private readonly current = new Map<string, MonthKey>();

  constructor(
    private readonly storage: Storage,
    /** Told of a key that was made here, so that the backup gets it. */
    private readonly onNew: (key: MonthKey) => Promise<void>,
  ) {}

  /** The key under which something of this month is kept. */
  async forMonth(month: string): Promise<MonthKey> {
    const known = this.current.get(month) ?? (await this.firstStored(month));
    const key = known ?? (await this.make(month));
    this.current.set(month, key);
    return key;
  }

  async find(id: string): Promise<MonthKey | undefined> {
    const cached = this.cache.get(id);
    if (cached !== undefined) return cached;
    const stored = await this.storage.get<string>(PREFIX + id);
    return stored === undefined ? undefined : this.remember(id, new SecretBytes(fromBase64(stored)));
  }

  /** A key of the backup. */
  async adopt(id: string, key: Uint8Array): Promise<void> {
    await this.storage.set(PREFIX + id, toBase64(key));
    this.remember(id, new SecretBytes(key));
  }

  async seal(month: string, context: string, plaintext: Uint8Array): Promise<string> {
    const { id, key } = await this.forMonth(month);
    return `${id}:${toBase64(sealState(key, context, plaintext))}`;
  }

  /** Undefined when the month was deleted. Throws CryptoError for anything that was not sealed so. */
  async open(sealed: string, context: string): Promise<Uint8Array | undefined> {
    const colon = sealed.indexOf(':');
    const key = await this.find(sealed.slice(0, Math.max(colon, 0)));
    return key === undefined ? undefined : openState(key.key, context, fromBase64(sealed.slice(colon + 1)));
  }

  /** The months that have a key here. */
  async months(): Promise<string[]> {
    const ids = await this.storage.keys(PREFIX);
    return [...new Set(ids.map((name) => monthOf(name.slice(PREFIX.length))))];
  }

  async delete(month: string): Promise<void> {
    const names = (await this.storage.keys(PREFIX)).filter((name) => monthOf(name.slice(PREFIX.length)) === month);
    await this.storage.apply(new Map(names.map((name) => [name, undefined])));
    for (const name of names) {
      this.cache.get(name.slice(PREFIX.length))?.key.wipe();
      this.cache.delete(name.slice(PREFIX.length));
    }
    this.current.delete(month);
  }

  private async firstStored(month: string): Promise<MonthKey | undefined> {
    const [name] = await this.storage.keys(`${PREFIX}${month}.`);
    return name === undefined ? undefined : await this.find(name.slice(PREFIX.length));
  }

  private async make(month: string): Promise<MonthKey> {
    const id = `${month}.${toBase32(randomBytes(5))}`;
    const bytes = randomBytes(32);
    await this.adopt(id, bytes);
    const key = this.remember(id, new SecretBytes(bytes));
    await this.onNew(key);
    return key;
  }

  private remember(id: string, key: SecretBytes): MonthKey {
    const entry = { id, month: monthOf(id), key };
    this.cache.set(id, entry);
    return entry;
  }
}

function monthOf(id: string): string {
  return id.slice(0, 7);
}

/** `2026-11` of a time. */
export function monthAt(time: string | number): string {
  return new Date(time).toISOString().slice(0, 7);
}
