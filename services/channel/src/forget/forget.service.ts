import type { MembershipEvents } from '../members/membership-events.js';
import type { OutgoingStore } from '../outgoing/outgoing.store.js';
import type { RemoteChannels } from '../replicas/remote-channels.js';
import type { ForgetStore } from './forget.store.js';

/** §4.3: an account that ends leaves nothing behind. Memberships go first, so that nothing new can be written meanwhile. */
export class ForgetService {
  constructor(
    private readonly store: ForgetStore,
    private readonly events: MembershipEvents,
    private readonly remote: RemoteChannels,
    private readonly outgoing: OutgoingStore,
  ) {}

  /** Safe to repeat, also after it broke off half way. */
  async forget(userId: string): Promise<{ channels: number; entries: number }> {
    await this.outgoing.forget(userId);
    await this.#leaveHomes(userId);
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

  /** Channels of other nodes: their homes are told as far as they can be, each that is away once. */
  async #leaveHomes(userId: string): Promise<void> {
    const away = new Set<string>();
    for (const { channelId, home } of await this.store.remoteChannelsOf(userId)) {
      if (away.has(home) || (await this.remote.departed(userId, channelId, home))) continue;
      away.add(home);
    }
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
