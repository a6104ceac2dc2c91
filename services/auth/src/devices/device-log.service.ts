import { AUTH, type DeviceLog, type Session } from '@dcp/contracts';
import { formatHash, formatKey, parseKey, sha256, toUtf8, verifySigned } from '@dcp/crypto';
import type { Bus, Clock } from '@dcp/node-kit';
import {
  canonicalJson,
  DcpError,
  type DeviceEntry,
  deviceEntrySchema,
  getDevices,
  invalidFormat,
  MAX_DEVICES,
  parseWith,
  signingInput,
} from '@dcp/protocol';
import type { AccountStore } from '../accounts/account.store.js';
import type { RemoteUsersService } from '../remote/remote-users.service.js';
import type { SessionService } from '../sessions/session.service.js';
import type { DeviceStore, LogHead } from './device.store.js';

/** A log grows no longer than this by new devices; revoking is always possible. One page holds it. */
const MAX_ENTRIES = 500;
const PAGE = MAX_ENTRIES + MAX_DEVICES;
/** JCS bytes of one entry: all that the schema knows fits in, at its longest. */
const MAX_ENTRY_BYTES = 4_096;
/** A bus message holds less than 1 MiB; the rest of a longer log is read with `after`. */
const PAGE_BYTES = 512 * 1024;

/** A user's device log (profile §3): each entry signed by the identity key and naming the hash of the one before. */
export class DeviceLogService {
  constructor(
    private readonly devices: DeviceStore,
    private readonly accounts: AccountStore,
    private readonly sessions: SessionService,
    private readonly remote: RemoteUsersService,
    private readonly bus: Bus,
    private readonly clock: Clock,
  ) {}

  async list(userId: string, after = 0): Promise<{ entries: DeviceEntry[] }> {
    if (this.remote.isRemote(userId)) return { entries: await this.#remoteEntries(userId, after) };
    if ((await this.accounts.find(userId)) === undefined) throw new DcpError('USER_NOT_FOUND');
    return { entries: await this.devices.entries(userId, after, PAGE, PAGE_BYTES) };
  }

  async #remoteEntries(userId: string, after: number): Promise<DeviceEntry[]> {
    const [log] = cut(await this.remote.logs(new Map([[userId, after]])), PAGE_BYTES);
    if (log === undefined) throw new DcpError('USER_NOT_FOUND');
    return log.entries;
  }

  /** In the order asked; unknown users are left out. What does not fit into one answer is asked again by `after`. */
  async logs(users: { user_id: string; after?: number | undefined }[]): Promise<{ logs: DeviceLog[] }> {
    const asked = parseWith(getDevices, { users }).users;
    const [remote, local] = [new Map<string, number>(), new Map<string, number>()];
    for (const { user_id, after = 0 } of asked) (this.remote.isRemote(user_id) ? remote : local).set(user_id, after);
    const shared = remote.size === 0 ? PAGE_BYTES : PAGE_BYTES / 2;
    const [own, others] = await Promise.all([
      this.#own(local, shared),
      remote.size === 0 ? [] : this.remote.logs(remote),
    ]);
    const logs = new Map([...own, ...cut(others, shared)].map((log) => [log.user_id, log]));
    return { logs: asked.flatMap(({ user_id }) => logs.get(user_id) ?? []) };
  }

  /** For another node: users of this one. */
  async forPeer(users: { user_id: string; after?: number | undefined }[]): Promise<{ logs: DeviceLog[] }> {
    const asked = parseWith(getDevices, { users }).users.filter(({ user_id }) => !this.remote.isRemote(user_id));
    // What goes between nodes is smaller than what fits on the bus.
    return { logs: await this.#own(new Map(asked.map(({ user_id, after = 0 }) => [user_id, after])), PAGE_BYTES / 2) };
  }

  #own(after: ReadonlyMap<string, number>, pageBytes: number): Promise<DeviceLog[]> {
    const bytes = pageBytes - after.size * MAX_ENTRY_BYTES;
    return after.size === 0 ? Promise.resolve([]) : this.devices.logs(after, bytes, new Date(this.clock.now()));
  }

  /** 2007 with the head when the entry does not follow it. A revoked device's sessions end at once. */
  async append(session: Session, value: Record<string, unknown>): Promise<{ seq: number; hash: string }> {
    const entry = parseWith(deviceEntrySchema, value);
    await this.#checkSignature(session, entry);
    const signingKey = entry.signing_key === undefined ? null : normalKey(entry.signing_key, 'ed25519', 'signing_key');
    if (entry.exchange_key !== undefined) normalKey(entry.exchange_key, 'x25519', 'exchange_key');
    const text = canonicalJson(entry);
    const bytes = toUtf8(text);
    if (bytes.length > MAX_ENTRY_BYTES) throw new DcpError('MESSAGE_TOO_LARGE', { max: MAX_ENTRY_BYTES });
    const hash = formatHash(sha256(bytes));
    const appended = await this.devices.append(session.user_id, signingKey, (head) => {
      checkLink(entry, head);
      checkDevice(entry, head);
      return { entry, text, hash };
    });
    if (appended === undefined) throw new DcpError('USER_NOT_FOUND');
    const { user_id, action, device } = entry;
    this.bus.publish(AUTH.devicesChanged, { user_id, ...appended, action, device });
    if (action === 'revoke') await this.sessions.end(user_id, { device }, 'device_revoked');
    return appended;
  }

  async #checkSignature(session: Session, entry: DeviceEntry): Promise<void> {
    if (entry.user_id !== session.user_id) throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'foreign_log' });
    const account = await this.accounts.find(session.user_id);
    if (account === undefined) throw new DcpError('USER_NOT_FOUND');
    const key = parseKey(account.publicKey).bytes;
    if (!verifySigned(key, signingInput('DEVICE', entry), entry.signature))
      throw invalidFormat('signature', 'signature');
  }
}

/** At most so many bytes of entries: what is left out is asked for again by `after`. Of each log at least one comes. */
function cut(logs: readonly DeviceLog[], bytes: number): DeviceLog[] {
  let left = bytes;
  return logs.map((log) => {
    const kept = log.entries.filter((entry, at) => (left -= canonicalJson(entry).length) >= 0 || at === 0);
    return { ...log, entries: kept, has_more: kept.length < log.entries.length };
  });
}

function checkLink(entry: DeviceEntry, head: LogHead | undefined): void {
  if (entry.seq === (head?.seq ?? 0) + 1 && entry.prev === (head?.hash ?? null)) return;
  throw new DcpError('CONFLICT', { reason: 'not_the_head', head_seq: head?.seq ?? 0, head_hash: head?.hash ?? null });
}

function checkDevice({ action, device }: DeviceEntry, head: LogHead | undefined): void {
  const live = head?.live ?? [];
  if (action === 'revoke' && !live.includes(device)) throw invalidFormat('no such device', 'device');
  if (action === 'add' && head?.known.includes(device) === true)
    throw new DcpError('CONFLICT', { reason: 'device_id_used', path: 'device' });
  if (action === 'add' && (head?.seq ?? 0) >= MAX_ENTRIES)
    throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'device_log_full', max: MAX_ENTRIES });
  if (action === 'add' && live.length >= MAX_DEVICES)
    throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'too_many_devices', max: MAX_DEVICES });
}

function normalKey(text: string, algorithm: 'ed25519' | 'x25519', path: string): string {
  try {
    const key = parseKey(text);
    if (key.algorithm === algorithm) return formatKey(algorithm, key.bytes);
  } catch {
    // Told below.
  }
  throw invalidFormat(`not an ${algorithm} key`, path);
}
