import type { Presence } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';

/** Users online on the whole node that one gateway remembers; beyond this presence is incomplete, nothing else. */
const MAX_USERS = 1_000_000;
/** Users who went offline, with the time they were last seen. */
const MAX_LAST_SEEN = 100_000;

export interface PresenceRecord {
  gatewayId: string;
  status: Presence;
  message: string | undefined;
  lastSeen: string;
  hidden: boolean;
}

/** What others see of a user. */
export interface Shown {
  status: Presence;
  lastSeen: string | undefined;
  message: string | undefined;
}

const RANK: Record<Presence, number> = { online: 2, away: 1, offline: 0 };

/** Every online user by gateway, and what that adds up to: online on any gateway is online. */
export class PresenceMap {
  private readonly users = new Map<string, PresenceRecord[]>();
  private readonly lastSeen = new LRUCache<string, string>({ max: MAX_LAST_SEEN });

  get size(): number {
    return this.users.size;
  }

  /** Takes one gateway's word about one user. Returns true when what others see has changed. */
  apply(userId: string, record: PresenceRecord, gone: boolean): boolean {
    const before = this.shown(userId);
    const others = (this.users.get(userId) ?? []).filter((known) => known.gatewayId !== record.gatewayId);
    if (!gone) others.push(record);
    if (others.length === 0) this.users.delete(userId);
    else if (this.users.has(userId) || this.users.size < MAX_USERS) this.users.set(userId, others);
    if (!record.hidden) this.lastSeen.set(userId, record.lastSeen);
    const after = this.shown(userId);
    return before.status !== after.status || before.message !== after.message;
  }

  shown(userId: string): Shown {
    const best = (this.users.get(userId) ?? [])
      .filter((record) => !record.hidden)
      .sort((a, b) => RANK[b.status] - RANK[a.status])[0];
    if (best === undefined) return { status: 'offline', lastSeen: this.lastSeen.get(userId), message: undefined };
    return { status: best.status, lastSeen: best.lastSeen, message: best.message };
  }

  /** A gateway that is gone takes its users with it. */
  forgetGateway(gatewayId: string): void {
    for (const [userId, records] of this.users) {
      const left = records.filter((record) => record.gatewayId !== gatewayId);
      if (left.length === 0) this.users.delete(userId);
      else if (left.length < records.length) this.users.set(userId, left);
    }
  }
}
