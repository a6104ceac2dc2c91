import { AUTH, type DeviceLog } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { MAX_DEVICE_LOGS } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';

const MAX_CACHED = 10_000;
const FRESH_MS = 60_000;
/** A device that is not in a log is looked for again, but not at every word of a stranger. */
const REREAD_MS = 2_000;
/** Pages of one log: a log has no end, an answer must. */
const MAX_PAGES = 20;

interface Device {
  key: string;
  /** Milliseconds; undefined: it lives. */
  revoked: number | undefined;
}

interface Facts {
  /** The identity key, with which the literal form signs (profile §3). */
  identityKey: string;
  devices: Map<string, Device>;
  readAt: number;
}

export interface Author {
  userId: string;
  /** Null: the identity key. */
  device: string | null;
  /** When he says that he signed, RFC 3339. */
  timestamp: string;
}

/** With which keys users of other nodes sign, as auth has checked their device logs. */
export class AuthorKeys {
  readonly #facts = new LRUCache<string, Facts>({ max: MAX_CACHED, ttl: FRESH_MS });

  constructor(private readonly bus: Bus) {}

  /**
   * The `ed25519:` key of each author in the same order; undefined where the device is not his, or was revoked before he signed; null where
   * his log could not be had.
   */
  async find(authors: Author[]): Promise<(string | undefined | null)[]> {
    const missing = authors.filter((author) => this.#isMissing(author)).map(({ userId }) => userId);
    if (missing.length > 0) await this.#read([...new Set(missing)]);
    return authors.map((author) => this.#keyOf(author));
  }

  /** His log has grown. */
  forget(userId: string): void {
    this.#facts.delete(userId);
  }

  #isMissing({ userId, device }: Author): boolean {
    const facts = this.#facts.get(userId);
    if (facts === undefined) return true;
    const isKnown = device === null || facts.devices.has(device);
    return !isKnown && performance.now() - facts.readAt > REREAD_MS;
  }

  #keyOf({ userId, device, timestamp }: Author): string | undefined | null {
    const facts = this.#facts.get(userId);
    if (facts === undefined) return null;
    if (device === null) return facts.identityKey;
    const known = facts.devices.get(device);
    const isRevoked = known?.revoked !== undefined && known.revoked <= Date.parse(timestamp);
    return isRevoked ? undefined : known?.key;
  }

  async #read(userIds: string[]): Promise<void> {
    for (let at = 0; at < userIds.length; at += MAX_DEVICE_LOGS) {
      let wanted: { user_id: string; after?: number }[] = userIds
        .slice(at, at + MAX_DEVICE_LOGS)
        .map((user_id) => ({ user_id }));
      const read = new Map<string, Facts>();
      for (let page = 0; wanted.length > 0 && page < MAX_PAGES; page++) {
        const { logs } = await this.bus.request(AUTH.deviceLogs, { users: wanted }, { timeoutMs: 15_000 });
        for (const log of logs) extend(read, log);
        wanted = logs.filter(({ has_more }) => has_more).map(nextPage);
      }
      for (const [userId, facts] of read) this.#facts.set(userId, facts);
    }
  }
}

function extend(read: Map<string, Facts>, { user_id, public_key, entries }: DeviceLog): void {
  const known = read.get(user_id);
  const facts = known ?? { identityKey: public_key, devices: new Map<string, Device>(), readAt: performance.now() };
  read.set(user_id, facts);
  for (const { action, device, signing_key, created } of entries) {
    const there = facts.devices.get(device);
    if (action === 'revoke' && there !== undefined)
      facts.devices.set(device, { ...there, revoked: Date.parse(created) });
    else if (signing_key !== undefined) facts.devices.set(device, { key: signing_key, revoked: undefined });
  }
}

function nextPage({ user_id, entries }: DeviceLog): { user_id: string; after: number } {
  return { user_id, after: entries.at(-1)?.seq ?? Number.MAX_SAFE_INTEGER };
}
