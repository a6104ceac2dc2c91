import { DcpError, MAX_DEVICE_LOGS, type DeviceEntry } from '@dcp/protocol';
import type { EventHub } from '../events.js';
import type { Storage } from '../storage/storage.js';
import {
  DeviceLogError,
  emptyLog,
  extendLog,
  logHead,
  normalKey,
  type LogFault,
  type VerifiedLog,
} from './device-log.js';
import type { NodePort } from './node-port.js';
import { Serial } from './serial.js';
import type { UserMoves } from './user-moves.js';

const PREFIX = 'e2ee/devices/';
/** Logs in memory; the rest is read from the storage again. */
const MAX_CACHED = 4_000;

interface StoredLog {
  log: VerifiedLog;
  /** The user said that this is really the other's key. */
  verified?: boolean;
  /** Why this user's log is not believed; nothing is encrypted to him until that is settled. */
  conflict?: LogFault | 'unknown_head';
  /** The node has no such account any more: it gets nothing, what it signed stays good. */
  gone?: boolean;
}

interface AnsweredLog {
  user_id: string;
  public_key: string;
  entries: DeviceEntry[];
  has_more: boolean;
  moved_to?: unknown;
}

/**
 * The device logs of everybody one writes to: verified once, extended since, and remembered, so that a node that shows another log
 * is caught (profile §5). A log is asked for again after each reconnect and whenever the node or a message says that it has grown.
 */
export class DeviceDirectory {
  private readonly cache = new Map<string, StoredLog>();
  /** Whose log was compared with the node's since the last reconnect. */
  private checked = new Set<string>();
  private readonly fetching = new Serial();

  constructor(
    private readonly storage: Storage,
    private readonly node: NodePort,
    private readonly events: EventHub,
    private readonly moves: UserMoves,
  ) {}

  /** After a reconnect: what happened meanwhile is unknown. */
  forgetFreshness(): void {
    this.checked = new Set();
  }

  /** Somebody's log has grown: it is read before it is used again. */
  noteChange(userId: string): void {
    this.checked.delete(userId);
  }

  /** What is known without asking. */
  async known(userId: string): Promise<VerifiedLog | undefined> {
    return (await this.load(userId))?.log;
  }

  /** Fresh logs; users who do not exist (any more) or whose log is in conflict are not in the answer. */
  async logs(users: readonly string[]): Promise<Map<string, VerifiedLog>> {
    const stale = users.filter((user) => !this.checked.has(user));
    if (stale.length > 0) await this.fetching.run(() => this.fetchStale(stale));
    const logs = new Map<string, VerifiedLog>();
    for (const user of users) {
      const stored = await this.load(user);
      if (stored !== undefined && stored.conflict === undefined && stored.gone !== true) logs.set(user, stored.log);
    }
    return logs;
  }

  async log(userId: string): Promise<VerifiedLog | undefined> {
    return (await this.logs([userId])).get(userId);
  }

  /** Reads a log again even if it was just read: a message named a device or a head that is not in it. */
  async reread(userId: string): Promise<VerifiedLog | undefined> {
    this.checked.delete(userId);
    return await this.log(userId);
  }

  async conflict(userId: string): Promise<string | undefined> {
    return (await this.load(userId))?.conflict;
  }

  async isVerified(userId: string): Promise<boolean> {
    return (await this.load(userId))?.verified === true;
  }

  /** The user compared the safety number. */
  async markVerified(userId: string): Promise<void> {
    const stored = await this.load(userId);
    if (stored === undefined) throw new DcpError('USER_NOT_FOUND');
    await this.keep(userId, { ...stored, verified: true });
  }

  /** A log that cannot be believed: sending to this user stops, with a warning. */
  async raise(userId: string, conflict: LogFault | 'unknown_head'): Promise<void> {
    const stored = await this.load(userId);
    if (stored === undefined || stored.conflict === conflict) return;
    await this.keep(userId, { ...stored, conflict, verified: false });
    this.events.emit('deviceConflict', { userId, reason: conflict });
  }

  /** The user has settled it (a new identity was confirmed out of band): the log is read anew and pinned again. */
  async forget(userId: string): Promise<void> {
    this.cache.delete(userId);
    this.checked.delete(userId);
    await this.storage.delete(PREFIX + userId);
  }

  private async fetchStale(users: readonly string[]): Promise<void> {
    const wanted = users.filter((user) => !this.checked.has(user));
    for (let at = 0; at < wanted.length; at += MAX_DEVICE_LOGS)
      await this.fetch(wanted.slice(at, at + MAX_DEVICE_LOGS));
  }

  private async fetch(users: readonly string[]): Promise<void> {
    for (let left = [...users]; left.length > 0;) {
      const asked = await Promise.all(
        left.map(async (user_id) => ({ user_id, after: (await this.load(user_id))?.log.hashes.length ?? 0 })),
      );
      const { logs } = await this.node.command<{ logs: AnsweredLog[] }>('get_devices', { users: asked });
      for (const answered of logs) await this.take(answered);
      const answered = new Set(logs.map(({ user_id }) => user_id));
      for (const { user_id } of asked) await this.noteGone(user_id, !answered.has(user_id));
      for (const { user_id } of asked) this.checked.add(user_id);
      left = logs.filter(({ has_more, entries }) => has_more && entries.length > 0).map(({ user_id }) => user_id);
    }
  }

  private async noteGone(userId: string, gone: boolean): Promise<void> {
    const stored = await this.load(userId);
    if (stored !== undefined && (stored.gone === true) !== gone) await this.keep(userId, { ...stored, gone });
  }

  private async take({ user_id: userId, public_key, entries, moved_to }: AnsweredLog): Promise<void> {
    const identityKey = normalKey(public_key);
    const stored = (await this.load(userId)) ?? { log: emptyLog(userId, identityKey) };
    try {
      if (identityKey !== stored.log.identityKey) throw new DeviceLogError('identity_changed', userId);
      const log = extendLog(stored.log, entries);
      if (logHead(log) !== logHead(stored.log) || !this.cache.has(userId)) await this.keep(userId, { ...stored, log });
    } catch (error) {
      if (!(error instanceof DeviceLogError)) throw error;
      await this.keep(userId, stored);
      await this.raise(userId, error.fault);
    }
    if (moved_to !== undefined) await this.moves.note(userId, stored.log.identityKey, moved_to);
  }

  private async load(userId: string): Promise<StoredLog | undefined> {
    const cached = this.cache.get(userId);
    if (cached !== undefined) return cached;
    const stored = await this.storage.get<StoredLog>(PREFIX + userId);
    if (stored !== undefined) this.remember(userId, stored);
    return stored;
  }

  private async keep(userId: string, stored: StoredLog): Promise<void> {
    await this.storage.set(PREFIX + userId, stored);
    this.remember(userId, stored);
  }

  private remember(userId: string, stored: StoredLog): void {
    this.cache.delete(userId);
    this.cache.set(userId, stored);
    const oldest = this.cache.keys().next();
    if (this.cache.size > MAX_CACHED && oldest.done !== true) this.cache.delete(oldest.value);
  }
}
