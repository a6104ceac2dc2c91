import { CHANNEL } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { DcpError, parseChannelReference } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';

const MAX_NAMES = 50_000;

export interface KnownChannel {
  channel_id: string;
  name: string;
}

/**
 * Names to identities. A channel's name and id belong together for good (the name is part of its genesis), so what was learnt once
 * stays true; channels that do not exist are never remembered.
 */
export class ChannelDirectory {
  private readonly byName = new LRUCache<string, KnownChannel>({ max: MAX_NAMES });

  constructor(
    private readonly bus: Bus,
    private readonly nodeId: () => string | undefined,
  ) {}

  learn(channel: KnownChannel): void {
    this.byName.set(channel.name, channel);
    this.byName.set(channel.channel_id, channel);
  }

  /** What is known without asking; undefined: ask `resolve`. */
  known(reference: string): KnownChannel | undefined {
    return this.byName.get(reference);
  }

  /** Any form that a client may write (§2 of the profile). CHANNEL_NOT_FOUND, INVALID_CHANNEL_NAME. */
  async resolve(reference: string): Promise<KnownChannel> {
    const known = this.byName.get(reference);
    if (known !== undefined) return known;
    const parsed = parseChannelReference(reference);
    if ('channelId' in parsed) return await this.ask(parsed.channelId);
    if (parsed.nodeId !== undefined && parsed.nodeId !== this.nodeId()) throw new DcpError('CHANNEL_NOT_FOUND');
    return this.byName.get(parsed.name) ?? (await this.ask(parsed.name));
  }

  private async ask(name: string): Promise<KnownChannel> {
    const { channel_id, name: found } = await this.bus.request(CHANNEL.resolve, { name });
    const channel = { channel_id, name: found };
    this.learn(channel);
    return channel;
  }
}
