import type { InviteSummary } from '@dcp/contracts';
import { randomBytes, toBase32 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import type { PrismaClient } from '../database.js';
import type { NodeKey } from '../node/node-key.js';
import { hashInvite } from './registration.service.js';

const DEFAULT_USES = 1;
const DEFAULT_LIFETIME_S = 7 * 86_400;
/** Until it is used: it stays as a mark that its code is spent. */
const FOR_EVER = new Date('9999-12-31T00:00:00.000Z');
const LISTED = 1_000;

export interface NewInvite {
  code: string;
  expires: string;
  uses_left: number;
}

/** Invites: the code is told once, the database holds its hash. */
export class InviteService {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly key: NodeKey,
    private readonly clock: Clock,
  ) {}

  create(createdBy: string, uses = DEFAULT_USES, seconds = DEFAULT_LIFETIME_S): Promise<NewInvite> {
    return this.#create(createdBy, uses, seconds);
  }

  /**
   * For a node without an owner that strangers can reach: it makes its bearer the owner. Made from the node's key, so that all
   * replicas print the same one, also after a restart; when one was used, the next one is another.
   */
  async forOwner(): Promise<string> {
    const generation = await this.prisma.invite.count({
      where: { grantsOwner: true, usesLeft: 0 },
    });
    const code = this.key.ownerInvite(generation);
    const created = {
      createdBy: '',
      grantsOwner: true,
      createdAt: new Date(this.clock.now()),
      expiresAt: FOR_EVER,
    };
    await this.prisma.invite.createMany({
      data: [{ codeHash: hashInvite(code), usesLeft: 1, ...created }],
      skipDuplicates: true,
    });
    return code;
  }

  async list(): Promise<InviteSummary[]> {
    const now = new Date(this.clock.now());
    const rows = await this.prisma.invite.findMany({
      where: { usesLeft: { gt: 0 }, expiresAt: { gt: now }, grantsOwner: false },
      orderBy: { createdAt: 'asc' },
      take: LISTED,
    });
    return rows.map((row) => ({
      code_hash: row.codeHash,
      created: row.createdAt.toISOString(),
      expires: row.expiresAt.toISOString(),
      uses_left: row.usesLeft,
    }));
  }

  async #create(createdBy: string, usesLeft: number, seconds: number): Promise<NewInvite> {
    const now = this.clock.now();
    const code = toBase32(randomBytes(15));
    const expiresAt = new Date(now + seconds * 1000);
    await this.prisma.invite.create({
      data: {
        codeHash: hashInvite(code),
        createdBy,
        grantsOwner: false,
        createdAt: new Date(now),
        expiresAt,
        usesLeft,
      },
    });
    return { code, expires: expiresAt.toISOString(), uses_left: usesLeft };
  }
}
