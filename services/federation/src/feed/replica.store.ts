import type { OrderStatement } from '@dcp/protocol';
import type { PrismaClient } from '../database.js';
import type { HeardOrder } from './judge-order.js';

/** What this node has heard of the order of channels whose homes are elsewhere. */
export class ReplicaStore {
  constructor(private readonly prisma: PrismaClient) {}

  async find(channelId: string): Promise<(HeardOrder & { lastOrder: OrderStatement }) | undefined> {
    const row = await this.prisma.replicaHead.findUnique({ where: { channelId } });
    if (row === null) return undefined;
    const { home, epoch, baseHead, head, lastOrder } = row;
    const [base, seq] = [Number(row.base), Number(row.seq)];
    const order = lastOrder as unknown as OrderStatement;
    return { home, epoch, base, baseHead, seq, head, stopped: row.stoppedAt !== null, lastOrder: order };
  }

  /** Where these channels are ordered; those of which nothing was heard are left out. */
  async homesOf(channelIds: readonly string[]): Promise<Map<string, string>> {
    const select = { channelId: true, home: true };
    const rows = await this.prisma.replicaHead.findMany({ where: { channelId: { in: [...channelIds] } }, select });
    return new Map(rows.map(({ channelId, home }) => [channelId, home]));
  }

  /** What a node orders; of more than `limit` channels, some. */
  async channelsOf(home: string, limit: number): Promise<string[]> {
    const rows = await this.prisma.replicaHead.findMany({ where: { home }, select: { channelId: true }, take: limit });
    return rows.map(({ channelId }) => channelId);
  }

  /** After the replica has taken the batch; nothing when another instance was quicker. */
  async advance(home: string, order: OrderStatement, heard: HeardOrder | undefined): Promise<void> {
    const { channel_id: channelId, epoch, from, to, prev_head: baseHead, head } = order;
    const data = { home, epoch, base: BigInt(from - 1), baseHead, seq: BigInt(to), head, lastOrder: order as object };
    if (heard === undefined)
      await this.prisma.replicaHead.createMany({ data: [{ channelId, ...data }], skipDuplicates: true });
    else {
      const was = { channelId, seq: BigInt(heard.seq), head: heard.head, stoppedAt: null };
      await this.prisma.replicaHead.updateMany({ where: was, data });
    }
  }

  async stop(channelId: string, evidence: object, now: Date): Promise<void> {
    await this.prisma.replicaHead.updateMany({
      where: { channelId, stoppedAt: null },
      data: { stoppedAt: now, evidence },
    });
  }
}
