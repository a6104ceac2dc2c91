import { systemContent, type SystemContent, timeField, USER_ID } from '@dcp/protocol';
import type { Head } from '../log/commit-plan.js';
import type { Concerned, Founder, Settings } from '../log/operation.js';
import type { Roster } from '../log/roster.js';
import type { Standings } from '../state/standings.js';
import { type OrderedEntry, stateHeadOf } from './ordered-entry.js';
import type { Mandates } from './true-mandates.js';

/** Actions whose `target` is somebody whom the tables know. */
const ABOUT_USERS: ReadonlySet<SystemContent['action']> = new Set([
  'user_left',
  'user_removed',
  'user_banned',
  'user_unbanned',
  'user_invited',
  'invitation_revoked',
]);

export type ConcernedBy = Concerned & { by: string };

/**
 * What the entries of another node's channel do to the replica of it. The home has decided who may: here it is only followed, because
 * a replica that knew better would part from all others. Clients check the chain of `e2ee` channels themselves (profile §5).
 */
export class ReplicaPlan {
  readonly concerned: ConcernedBy[] = [];
  /** The last word on each of them. */
  readonly settings: Settings = {};

  constructor(
    private readonly head: Head,
    private readonly roster: Roster,
    private readonly standings: Standings,
    /** The other members of a group DM, as its genesis names them. */
    private readonly founders: Founder[],
    /** Those of the entries that are taken for the owner's. */
    private readonly mandates: Mandates,
  ) {}

  take(entry: OrderedEntry): void {
    this.head.lastSeq = entry.seq;
    if (entry.type !== 'system' || entry.message === undefined) return;
    const sealed = this.head.encryption === 'e2ee';
    this.head.stateHead = stateHeadOf(entry, this.head.channelId, sealed);
    const content = systemContent.safeParse(entry.message['content']);
    if (content.success) this.#follow(content.data, entry, sealed);
  }

  #follow(content: SystemContent, entry: OrderedEntry, sealed: boolean): void {
    const { standings } = this;
    const { channelId } = this.head;
    const { action, target, details } = content;
    const user = sealed ? target : entry.author;
    if (!USER_ID.test(user) && ABOUT_USERS.has(action)) return;
    switch (action) {
      case 'channel_created':
        return this.#create(content, entry);
      case 'user_joined':
        return this.#admit(entry.author, entry, 'member', sealed ? keyOf(details, 'identity_key') : null);
      case 'user_left':
      case 'user_removed':
        return this.#remove(user, entry.author, sealed && this.head.visibility !== 'public');
      case 'user_banned':
        return this.#ban(user, entry.author);
      case 'user_unbanned':
        return standings.unban(channelId, user);
      case 'user_invited':
        standings.invite(channelId, user, keyOf(details, 'identity_key'), entry.author);
        return this.#note(user, 'invited', entry.author);
      case 'invitation_revoked':
        if (standings.uninvite(channelId, user)) this.#note(user, 'revoked', entry.author);
        return;
      case 'link_created':
        return this.#link(details);
      case 'link_revoked':
        return standings.unlink(channelId, keyOf(details, 'key'));
      case 'settings_changed':
        return this.#settle(details, entry.seq);
    }
  }

  #create({ details }: SystemContent, entry: OrderedEntry): void {
    const sealed = this.head.encryption === 'e2ee';
    this.#admit(entry.author, entry, 'owner', sealed ? keyOf(details, 'identity_key') : null);
    for (const { userId, identityKey } of this.founders) this.#admit(userId, entry, 'member', identityKey);
  }

  #admit(userId: string, entry: OrderedEntry, role: 'owner' | 'member', identityKey: string | null): void {
    const { head, roster, standings } = this;
    standings.uninvite(head.channelId, userId);
    if (roster.member(head.channelId, userId) !== undefined) return;
    roster.admit(head, userId, { role, joinedSeq: entry.seq, identityKey, joinedAt: entry.received_at });
    this.#note(userId, 'joined', entry.author);
  }

  #remove(userId: string, by: string, rekey: boolean): void {
    const { head, roster } = this;
    if (rekey) head.epoch++;
    if (roster.member(head.channelId, userId) === undefined) return;
    roster.dismiss(head, userId);
    this.#note(userId, 'left', by);
  }

  #ban(userId: string, by: string): void {
    const { head, standings } = this;
    standings.ban(head.channelId, userId, by);
    if (standings.uninvite(head.channelId, userId)) this.#note(userId, 'revoked', by);
    this.#remove(userId, by, true);
  }

  #link(details: SystemContent['details']): void {
    const expires = timeField.safeParse(details['expires']);
    if (expires.success) this.standings.link(this.head.channelId, keyOf(details, 'key'), expires.data);
  }

  #settle({ name, description }: SystemContent['details'], seq: number): void {
    if (typeof name === 'string') this.settings.title = name;
    if (typeof description === 'string') this.settings.description = description;
    this.settings.mandate = this.mandates.get(seq) ?? this.settings.mandate;
  }

  #note(userId: string, change: Concerned['change'], by: string): void {
    this.concerned.push({ userId, change, by });
  }
}

function keyOf(details: Record<string, unknown>, name: string): string {
  const key = details[name];
  return typeof key === 'string' ? key : '';
}
