import type { NodeDocument } from '@dcp/protocol';
import type { PrismaClient } from '../database.js';
import { firstKey } from './document-checks.js';

/** A node as it was pinned. */
export interface KnownPeer {
  nodeId: string;
  key: string;
  document: NodeDocument;
  sequence: number;
  name: string | null;
  via: string | null;
  firstSeen: Date;
  lastSeen: Date;
  lastError: string | null;
}

const DAY_MS = 86_400_000;
const FORGOTTEN_AFTER_MS = 90 * DAY_MS;

export class PeerStore {
  constructor(private readonly prisma: PrismaClient) {}

  async find(nodeId: string): Promise<KnownPeer | undefined> {
    const row = await this.prisma.peer.findUnique({ where: { nodeId } });
    return row === null ? undefined : toPeer(row);
  }

  async page(after: string, limit: number): Promise<KnownPeer[]> {
    const rows = await this.prisma.peer.findMany({
      where: { nodeId: { gt: after } },
      orderBy: { nodeId: 'asc' },
      take: limit,
    });
    return rows.map(toPeer);
  }

  count(): Promise<number> {
    return this.prisma.peer.count();
  }

  /** The first document of a node; of two that come at once the first stays. */
  async insert(document: NodeDocument, via: string | undefined, now: Date): Promise<void> {
    const data = { nodeId: document.id, ...columns(document), via: via ?? null, firstSeen: now, lastSeen: now };
    await this.prisma.peer.createMany({ data: [data], skipDuplicates: true });
  }

  /** Nothing when a newer one, or another key, is there by now. */
  async replace(document: NodeDocument, was: Pick<KnownPeer, 'key'>, now: Date): Promise<void> {
    await this.prisma.peer.updateMany({
      where: { nodeId: document.id, key: was.key, sequence: { lt: BigInt(document.sequence) } },
      data: { ...columns(document), lastSeen: now },
    });
  }

  async seen(nodeId: string, now: Date): Promise<void> {
    await this.prisma.peer.updateMany({ where: { nodeId }, data: { lastSeen: now, lastError: null } });
  }

  async failed(nodeId: string, error: string): Promise<void> {
    await this.prisma.peer.updateMany({ where: { nodeId }, data: { lastError: error } });
  }

  async remember(nodeId: string, via: string): Promise<void> {
    await this.prisma.peer.updateMany({ where: { nodeId, NOT: { via } }, data: { via } });
  }

  async forget(nodeId: string): Promise<number> {
    return (await this.prisma.peer.deleteMany({ where: { nodeId } })).count;
  }

  /** Nodes that were not heard of for a season and to whom nothing is fed. */
  async sweep(now: number): Promise<void> {
    await this.prisma.$executeRaw`
      delete from peers p where p.last_seen < ${new Date(now - FORGOTTEN_AFTER_MS)}
        and not exists (select 1 from feed_cursors c where c.peer = p.node_id)
        and not exists (select 1 from replica_heads h where h.home = p.node_id)`;
  }
}

function columns(document: NodeDocument) {
  return {
    name: document.name ?? null,
    key: firstKey(document),
    document: document as object,
    sequence: BigInt(document.sequence),
  };
}

type Row = NonNullable<Awaited<ReturnType<PrismaClient['peer']['findUnique']>>>;

function toPeer(row: Row): KnownPeer {
  return { ...row, document: row.document as unknown as NodeDocument, sequence: Number(row.sequence) };
}
