import { pairKey } from '../log/operation.js';

/** What the database says under the locks about those who are no members (yet). */
export interface StandingRows {
  /** Identity key by channel and invited user. */
  invitations: Map<string, string>;
  /** Pairs of channel and user. */
  bans: Set<string>;
  /** End of life in milliseconds by channel and link key. */
  links: Map<string, number>;
  /** Open invitations and links that live, by channel. */
  counts: Map<string, { invitations: number; links: number }>;
}

export interface InvitationChange {
  channelId: string;
  userId: string;
  /** Null: gone. */
  row: { identityKey: string; invitedBy: string } | null;
}

export interface BanChange {
  channelId: string;
  userId: string;
  /** Null: lifted. */
  bannedBy: string | null;
}

export interface LinkChange {
  channelId: string;
  key: string;
  /** RFC 3339; null: revoked. */
  expires: string | null;
}

export function noStandings(): StandingRows {
  return { invitations: new Map(), bans: new Set(), links: new Map(), counts: new Map() };
}

/** Invitations, bans and links of the locked channels while a batch is decided: as `Roster`, each operation sees those before it. */
export class Standings {
  readonly invitationChanges = new Map<string, InvitationChange>();
  readonly banChanges = new Map<string, BanChange>();
  readonly linkChanges = new Map<string, LinkChange>();

  constructor(private readonly rows: StandingRows) {}

  invitedKey(channelId: string, userId: string): string | null {
    return this.rows.invitations.get(pairKey(channelId, userId)) ?? null;
  }

  isBanned(channelId: string, userId: string): boolean {
    return this.rows.bans.has(pairKey(channelId, userId));
  }

  /** End of life in milliseconds; undefined: no such link, or it was revoked. */
  linkExpires(channelId: string, key: string): number | undefined {
    return this.rows.links.get(pairKey(channelId, key));
  }

  count(channelId: string): { invitations: number; links: number } {
    let count = this.rows.counts.get(channelId);
    if (count === undefined) this.rows.counts.set(channelId, (count = { invitations: 0, links: 0 }));
    return count;
  }

  invite(channelId: string, userId: string, identityKey: string, invitedBy: string): void {
    const pair = pairKey(channelId, userId);
    if (!this.rows.invitations.has(pair)) this.count(channelId).invitations++;
    this.rows.invitations.set(pair, identityKey);
    this.invitationChanges.set(pair, { channelId, userId, row: { identityKey, invitedBy } });
  }

  /** False: there was none. */
  uninvite(channelId: string, userId: string): boolean {
    const pair = pairKey(channelId, userId);
    if (!this.rows.invitations.delete(pair)) return false;
    this.count(channelId).invitations--;
    this.invitationChanges.set(pair, { channelId, userId, row: null });
    return true;
  }

  ban(channelId: string, userId: string, bannedBy: string): void {
    this.rows.bans.add(pairKey(channelId, userId));
    this.banChanges.set(pairKey(channelId, userId), { channelId, userId, bannedBy });
  }

  unban(channelId: string, userId: string): void {
    this.rows.bans.delete(pairKey(channelId, userId));
    this.banChanges.set(pairKey(channelId, userId), { channelId, userId, bannedBy: null });
  }

  link(channelId: string, key: string, expires: string): void {
    const pair = pairKey(channelId, key);
    if (!this.rows.links.has(pair)) this.count(channelId).links++;
    this.rows.links.set(pair, Date.parse(expires));
    this.linkChanges.set(pair, { channelId, key, expires });
  }

  unlink(channelId: string, key: string): void {
    if (this.rows.links.delete(pairKey(channelId, key))) this.count(channelId).links--;
    this.linkChanges.set(pairKey(channelId, key), { channelId, key, expires: null });
  }
}
