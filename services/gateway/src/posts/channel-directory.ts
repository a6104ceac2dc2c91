import { CHANNEL } from '@dcp/contracts';
import { sha256, toBase32 } from '@dcp/crypto';
import type { Bus } from '@dcp/node-kit';
import { dmChannelIdInput, dmName, parseChannelReference, type EncryptionMode, type Visibility } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';

const MAX_NAMES = 50_000;
/** What a channel of another node is called before one may know its name. */
const STAND_IN = /^#ch_[a-z2-7]{52}@/;

export interface KnownChannel {
  channel_id: string;
  /** As the node calls it; what a user sees is `viewerName` of it. */
  name: string;
  visibility: Visibility;
  encryption: EncryptionMode;
}

/**
 * Names to identities. A channel's name and id belong together (the name is part of its genesis) until its home moves; channels that
 * do not exist are never remembered. By name only public channels are: the others' names mean something to their members only, and not
 * the same to each of them. That a channel is known here does not mean that a user may know of it.
 */
export class ChannelDirectory {
  private readonly byName = new LRUCache<string, KnownChannel>({ max: MAX_NAMES });

  constructor(
    private readonly bus: Bus,
    private readonly nodeId: () => string | undefined,
  ) {}

  learn({ channel_id, name, visibility, encryption }: KnownChannel): void {
    if (STAND_IN.test(name)) return;
    const channel = { channel_id, name, visibility, encryption };
    if (visibility === 'public') this.byName.set(name, channel);
    this.byName.set(channel_id, channel);
  }

  /** The home has moved, and the name may mean another channel now. */
  forget(channelId: string): void {
    const known = this.byName.get(channelId);
    this.byName.delete(channelId);
    if (known !== undefined && this.byName.get(known.name)?.channel_id === channelId) this.byName.delete(known.name);
  }

  /** What is known without asking; undefined: ask `resolve`. */
  known(reference: string): KnownChannel | undefined {
    return this.byName.get(reference);
  }

  /** Any form that a client may write (§2 of the profile), as this user means it. CHANNEL_NOT_FOUND, INVALID_CHANNEL_NAME. */
  async resolve(reference: string, userId: string): Promise<KnownChannel> {
    const known = this.byName.get(reference);
    if (known !== undefined) return known;
    const parsed = parseChannelReference(reference);
    if ('dmWith' in parsed) return dmOf(userId, parsed.dmWith);
    const isElsewhere = parsed.nodeId !== undefined && parsed.nodeId !== this.nodeId();
    const at = isElsewhere ? `@${parsed.nodeId}` : '';
    // An id means the same at every node, and to everybody.
    if ('channelId' in parsed) return this.byName.get(parsed.channelId) ?? (await this.ask(parsed.channelId + at));
    return (isElsewhere ? undefined : this.byName.get(parsed.name)) ?? (await this.ask(parsed.name + at, userId));
  }

  private async ask(name: string, userId?: string): Promise<KnownChannel> {
    const channel = await this.bus.request(CHANNEL.resolve, { name, user_id: userId });
    this.learn(channel);
    return channel;
  }
}

/** The DM of two users needs no question: its id is made of theirs (profile §2). It may not be opened yet. */
export function dmOf(userId: string, other: string): KnownChannel {
  const channel_id = `ch_${toBase32(sha256(dmChannelIdInput(userId, other)))}`;
  return { channel_id, name: dmName(userId, other), visibility: 'dm', encryption: 'e2ee' };
}
