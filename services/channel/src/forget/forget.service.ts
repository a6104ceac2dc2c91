import type { MembershipEvents } from '../members/membership-events.js';
import type { ForgetStore } from './forget.store.js';

/** §4.3: an account that ends leaves nothing behind. Memberships go first, so that nothing new can be written meanwhile. */
export class ForgetService {
  constructor(
    private readonly store: ForgetStore,
    private readonly events: MembershipEvents,
  ) {}

  /** Safe to repeat, also after it broke off half way. */
  async forget(userId: string): Promise<{ channels: number; entries: number }> {
    const channels = await this.#leaveAll(userId);
    let entries = 0;
    for (;;) {
      const wiped = await this.store.wipeEntries(userId);
      if (wiped === 0) break;
      entries += wiped;
    }
    await this.store.wipeStandings(userId);
    await this.store.wipeGenesis(userId);
    return { channels, entries };
  }

  async #leaveAll(userId: string): Promise<number> {
    let channels = 0;
    for (const channelId of await this.store.channelsOf(userId)) {
      const left = await this.store.removeMember(channelId, userId);
      if (left === undefined) continue;
      this.events.left(userId, left.channelId, left.name);
      channels++;
    }
    return channels;
  }
}
