import type { AccountSettings } from '@dcp/contracts';
import type { Presence } from '@dcp/protocol';
import type { Connection } from '../sockets/connection.js';

/** A user with at least one socket on this gateway. */
export class LocalUser {
  readonly connections: Connection[] = [];
  showOnlineStatus = true;
  /** Null for most users: one check for each delivery. */
  blocked: Set<string> | null = null;
  status: Presence = 'online';
  statusText: string | undefined = undefined;
  /** Channels left, or put out of, since the user came: an answer that was on its way meanwhile may be out of date. */
  departures = 0;

  constructor(readonly userId: string) {}

  apply(settings: AccountSettings): void {
    this.showOnlineStatus = settings.show_online_status;
    this.blocked = settings.blocked_users.length === 0 ? null : new Set(settings.blocked_users);
  }

  /** Every channel that one of this user's sockets hears. */
  channelIds(): string[] {
    const ids = new Set<string>();
    for (const connection of this.connections) for (const room of connection.rooms ?? []) ids.add(room.channelId);
    return [...ids];
  }
}
