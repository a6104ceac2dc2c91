import type { AccountSettings, MembershipChanged } from '@dcp/contracts';
import type { Connection } from '../sockets/connection.js';
import { LocalUser } from './local-user.js';

/** The users whose sockets this gateway holds; one entry a user, gone with his last socket. */
export class LocalUsers {
  private readonly users = new Map<string, LocalUser>();

  get size(): number {
    return this.users.size;
  }

  get(userId: string): LocalUser | undefined {
    return this.users.get(userId);
  }

  all(): IterableIterator<LocalUser> {
    return this.users.values();
  }

  /** Binds an authenticated connection to its user. Returns true for the user's first socket here. */
  attach(connection: Connection, userId: string, settings: AccountSettings): boolean {
    let user = this.users.get(userId);
    const first = user === undefined;
    if (user === undefined) this.users.set(userId, (user = new LocalUser(userId)));
    user.apply(settings);
    user.connections.push(connection);
    connection.user = user;
    return first;
  }

  /** Returns the user when this was his last socket here. */
  detach(connection: Connection): LocalUser | undefined {
    const user = connection.user;
    if (user === null) return undefined;
    connection.user = null;
    const at = user.connections.indexOf(connection);
    if (at >= 0) user.connections.splice(at, 1);
    if (user.connections.length > 0) return undefined;
    this.users.delete(user.userId);
    return user;
  }

  settingsChanged(settings: AccountSettings): LocalUser | undefined {
    const user = this.users.get(settings.user_id);
    user?.apply(settings);
    return user;
  }

  /** The sockets that a membership change concerns. */
  socketsOf(change: MembershipChanged): readonly Connection[] {
    return this.users.get(change.user_id)?.connections ?? [];
  }
}
