import type { ChannelInfo } from '@dcp/contracts';
import { DcpError, type EncryptionMode } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';
import type { PrismaClient } from '../database.js';
import type { Channel } from '../generated/client.js';

/** A listing holds at most this many channels. */
const MAX_LISTED = 1_000;
const MAX_NAMES = 50_000;

/** What a listing or a caller may know of a channel. */
const INFO = {
  channelId: true,
  name: true,
  title: true,
  description: true,
  encryption: true,
  memberCount: true,
  lastActivity: true,
  lastSeq: true,
} as const;

type InfoRow = Pick<Channel, keyof typeof INFO>;

/** Channels as others may see them. */
export class ChannelStore {
  /** A channel's name never changes. */
  readonly #names = new LRUCache<string, string>({ max: MAX_NAMES });

  constructor(private readonly prisma: PrismaClient) {}

  async findById(channelId: string): Promise<ChannelInfo | undefined> {
    const row = await this.prisma.channel.findFirst({ where: { channelId, deletedAt: null }, select: INFO });
    return row === null ? undefined : infoOf(row);
  }

  async findByName(name: string): Promise<ChannelInfo | undefined> {
    const row = await this.prisma.channel.findFirst({ where: { name, deletedAt: null }, select: INFO });
    return row === null ? undefined : infoOf(row);
  }

  /** Public channels by name. */
  async list(): Promise<ChannelInfo[]> {
    const where = { visibility: 'public', deletedAt: null };
    const rows = await this.prisma.channel.findMany({
      where,
      select: INFO,
      orderBy: { name: 'asc' },
      take: MAX_LISTED,
    });
    return rows.map(infoOf);
  }

  /** `#name` of a channel; throws CHANNEL_NOT_FOUND (2002). */
  async nameOf(channelId: string): Promise<string> {
    const cached = this.#names.get(channelId);
    if (cached !== undefined) return cached;
    const found = await this.findById(channelId);
    if (found === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    this.#names.set(channelId, found.name);
    return found.name;
  }
}

function infoOf(row: InfoRow): ChannelInfo {
  return {
    channel_id: row.channelId,
    name: row.name,
    title: row.title,
    description: row.description,
    encryption: row.encryption as EncryptionMode,
    member_count: row.memberCount,
    last_activity: row.lastActivity.toISOString(),
    last_seq: Number(row.lastSeq),
  };
}
