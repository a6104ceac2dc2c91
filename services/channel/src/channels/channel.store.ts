import type { ChannelInfo, HomedChannel, StateChange } from '@dcp/contracts';
import { DcpError, type EncryptionMode, genesisSchema, type Visibility } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';
import type { PrismaClient } from '../database.js';
import type { Channel } from '../generated/client.js';

/** A listing holds at most this many channels. */
const MAX_LISTED = 1_000;
const MAX_IDENTITIES = 50_000;

/** What a listing or a caller may know of a channel. */
const INFO = {
  channelId: true,
  name: true,
  title: true,
  description: true,
  encryption: true,
  visibility: true,
  memberCount: true,
  lastActivity: true,
  lastSeq: true,
} as const;

const STATE = {
  name: true,
  encryption: true,
  visibility: true,
  lastSeq: true,
  stateHead: true,
  epoch: true,
} as const;

type InfoRow = Pick<Channel, keyof typeof INFO>;

/** What a channel is from birth: its genesis says it. Only the name changes, at its end, when the home moves. */
export interface ChannelIdentity {
  name: string;
  encryption: EncryptionMode;
  visibility: Visibility;
}

/** Channels as others may see them. */
export class ChannelStore {
  readonly #identities = new LRUCache<string, ChannelIdentity>({ max: MAX_IDENTITIES });

  constructor(private readonly prisma: PrismaClient) {}

  /** Of any visibility: an id says nothing. */
  async findById(channelId: string): Promise<ChannelInfo | undefined> {
    const row = await this.prisma.channel.findFirst({ where: { channelId, deletedAt: null }, select: INFO });
    return row === null ? undefined : infoOf(row);
  }

  async findPublic(name: string): Promise<ChannelInfo | undefined> {
    const where = { name, visibility: 'public', deletedAt: null };
    const row = await this.prisma.channel.findFirst({ where, select: INFO });
    return row === null ? undefined : infoOf(row);
  }

  /**
   * The channel that a user means by a name: the public one, else his own of that name, else one that he is invited to; of several the
   * oldest. The public one comes first, so that a name means the same to everybody where there is one.
   */
  async findByName(name: string, userId: string | undefined): Promise<ChannelInfo | undefined> {
    const found = await this.findPublic(name);
    if (found !== undefined || userId === undefined) return found;
    return (await this.#findHidden(name, 'members', userId)) ?? (await this.#findHidden(name, 'invitations', userId));
  }

  /** As another node is told of it; undefined where its home is not here. */
  async findHomed(channelId: string): Promise<Omit<HomedChannel, 'standing'> | undefined> {
    const where = { channelId, deletedAt: null, replicaFrom: null };
    const row = await this.prisma.channel.findFirst({ where });
    if (row === null) return undefined;
    const genesis = row.genesis === '' ? null : genesisSchema.parse(JSON.parse(row.genesis));
    return {
      ...infoOf(row),
      home_node: row.homeNode,
      home_epoch: row.homeEpoch,
      genesis,
      genesis_signature: genesis === null ? null : row.genesisSignature,
      state_head: row.stateHead,
      epoch: row.epoch,
      ...(row.firstSeq === null ? {} : { first_seq: Number(row.firstSeq) }),
    };
  }

  /** The home has moved, and the name with it. */
  forget(channelId: string): void {
    this.#identities.delete(channelId);
  }

  async isInvited(channelId: string, userId: string): Promise<boolean> {
    const where = { channelId_userId: { channelId, userId } };
    return (await this.prisma.invitation.findUnique({ where })) !== null;
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

  /** Whether a user is in a channel or invited to it. */
  async mayKnow(channelId: string, userId: string): Promise<boolean> {
    const key = { where: { channelId_userId: { channelId, userId } } };
    if ((await this.prisma.member.findUnique(key)) !== null) return true;
    return (await this.prisma.invitation.findUnique(key)) !== null;
  }

  /** Throws CHANNEL_NOT_FOUND (2002). */
  async identityOf(channelId: string): Promise<ChannelIdentity> {
    const cached = this.#identities.get(channelId);
    if (cached !== undefined) return cached;
    const found = await this.findById(channelId);
    if (found === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    const { name, encryption, visibility } = found;
    this.#identities.set(channelId, { name, encryption, visibility });
    return { name, encryption, visibility };
  }

  /** Where a channel stands now, as the answer to a command that changed nothing. Throws CHANNEL_NOT_FOUND (2002). */
  async stateOf(channelId: string): Promise<StateChange> {
    const row = await this.prisma.channel.findFirst({ where: { channelId, deletedAt: null }, select: STATE });
    if (row === null) throw new DcpError('CHANNEL_NOT_FOUND');
    return {
      channel_id: channelId,
      name: row.name,
      seq: Number(row.lastSeq),
      changed: false,
      encryption: row.encryption as EncryptionMode,
      visibility: row.visibility as Visibility,
      state_head: row.stateHead,
      epoch: row.epoch,
    };
  }

  async #findHidden(name: string, among: 'members' | 'invitations', userId: string): Promise<ChannelInfo | undefined> {
    // Few channels have one name; of a user's up to a thousand channels few are of that name.
    const where = { name, visibility: { not: 'public' }, deletedAt: null };
    const candidates = { where: { userId }, select: { channelId: true } } as const;
    const rows = await (among === 'members'
      ? this.prisma.member.findMany(candidates)
      : this.prisma.invitation.findMany({ ...candidates, take: MAX_LISTED }));
    const channelId = { in: rows.map((row) => row.channelId) };
    const row = await this.prisma.channel.findFirst({
      where: { ...where, channelId },
      select: INFO,
      orderBy: [{ createdAt: 'asc' }, { channelId: 'asc' }],
    });
    return row === null ? undefined : infoOf(row);
  }
}

function infoOf(row: InfoRow): ChannelInfo {
  return {
    channel_id: row.channelId,
    name: row.name,
    title: row.title,
    description: row.description,
    encryption: row.encryption as EncryptionMode,
    visibility: row.visibility as Visibility,
    member_count: row.memberCount,
    last_activity: row.lastActivity.toISOString(),
    last_seq: Number(row.lastSeq),
  };
}
