import type { InviteSummary } from '@dcp/contracts';
import { randomBytes, toBase32 } from '@dcp/crypto';
import type { Clock } from '@dcp/node-kit';
import type { PrismaClient } from '../database.js';
import { hashInvite } from './registration.service.js';

const DEFAULT_USES = 1;
const DEFAULT_LIFETIME_S = 7 * 86_400;
/** The owner's invite of a new node has time until somebody reads the log. */
const OWNER_LIFETIME_S = 30 * 86_400;
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
    private readonly clock: Clock,
  ) {}

  create(createdBy: string, uses = DEFAULT_USES, seconds = DEFAULT_LIFETIME_S): Promise<NewInvite> {
    return this.#create(createdBy, uses, seconds, false);
  }

  /** For the first account of a node that strangers can reach: it makes its bearer the owner. Earlier ones of this kind end. */
  async createForOwner(): Promise<NewInvite> {
    await this.prisma.invite.deleteMany({ where: { grantsOwner: true } });
    return await this.#create('', 1, OWNER_LIFETIME_S, true);
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

  async #create(createdBy: string, usesLeft: number, seconds: number, grantsOwner: boolean): Promise<NewInvite> {
    const now = this.clock.now();
    const code = toBase32(randomBytes(15));
    const expiresAt = new Date(now + seconds * 1000);
    await this.prisma.invite.create({
      data: { codeHash: hashInvite(code), createdBy, grantsOwner, createdAt: new Date(now), expiresAt, usesLeft },
    });
    return { code, expires: expiresAt.toISOString(), uses_left: usesLeft };
  }
}
