import { type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import type { ClientInfo } from '@dcp/protocol';
import type { PrismaClient } from '../database.js';

export interface SessionRow {
  id: string;
  userId: string;
  device: string | null;
  key: string;
  clientInfo: ClientInfo | null;
  createdAt: Date;
  refreshedAt: Date;
  expiresAt: Date;
  revokedAt: Date | null;
}

const INSERT = `
  insert into sessions (id, user_id, device, key, client_info, created_at, refreshed_at, expires_at)
  values ($1, $2, $3, $4, $5, $6, $7, $8)`;

const REFRESH = `
  update sessions s set refreshed_at = $2
  from accounts a
  where s.id = $1 and s.revoked_at is null and s.expires_at > $2 and a.user_id = s.user_id and a.status = 'active'
  returning s.id, a.role, a.account_type`;

const REVOKE = `
  update sessions set revoked_at = $4
  where user_id = $1 and ($2::text is null or id = $2) and ($3::text is null or device = $3) and revoked_at is null and expires_at > $4
  returning id, expires_at`;

const REVOKED = `
  select id, expires_at from sessions where revoked_at is not null and expires_at > $1 and id > $2 order by id limit $3`;

const USE_CHALLENGE = 'insert into used_challenges (hash, expires_at) values ($1, $2) on conflict do nothing';

const LOCK_ACCOUNT = 'select 1 from accounts where user_id = $1 for share';

/** The account as it is now, if the key is still one of it: the identity key, or that of a device that is not revoked. */
const STILL = `
  select a.status from accounts a
  where a.user_id = $1 and (a.expires_at is null or a.expires_at > $4)
    and (case when $2::text is null then a.public_key = $3 else exists (
      select 1 from device_log added
      where added.user_id = $1 and added.device = $2 and added.action = 'add' and added.signing_key = $3 and not exists (
        select 1 from device_log gone where gone.user_id = $1 and gone.device = $2 and gone.action = 'revoke')) end)`;

/** The challenge that a proof answers; good once. */
export interface UsedUp {
  hash: Uint8Array;
  expires: Date;
}

/** Why no session was opened: the challenge was used, the account or its device is gone, or what the account's state is. */
export type Opening = 'opened' | 'used' | 'gone' | 'suspended' | 'pending';

export interface EndedSession {
  id: string;
  expires_at: Date;
}

/** Which sessions of a user end: one, those of a device, or all. */
export interface Which {
  id?: string | undefined;
  device?: string | undefined;
}

export class SessionStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly pool: Pool,
  ) {}

  /**
   * Challenge and session in one transaction that holds the account's row: a suspension, a removal or a device's revocation comes
   * either before, and is seen, or after, and ends this session. The state is read after the lock, in a statement of its own.
   */
  open(row: Omit<SessionRow, 'revokedAt'>, challenge: UsedUp): Promise<Opening> {
    return withTransaction<Opening>(this.pool, async (client) => {
      const { rowCount } = await client.query(USE_CHALLENGE, [challenge.hash, challenge.expires]);
      if (rowCount === 0) return 'used';
      await client.query(LOCK_ACCOUNT, [row.userId]);
      const still = await client.query<{ status: Opening | 'active' }>(STILL, [
        row.userId,
        row.device,
        row.key,
        row.createdAt,
      ]);
      const status = still.rows[0]?.status ?? 'gone';
      if (status !== 'active') return status;
      await this.#insert(client, row);
      return 'opened';
    });
  }

  async #insert(client: PoolClient, row: Omit<SessionRow, 'revokedAt'>): Promise<void> {
    const values = [
      row.id,
      row.userId,
      row.device,
      row.key,
      row.clientInfo,
      row.createdAt,
      row.refreshedAt,
      row.expiresAt,
    ];
    await client.query({ name: 'insert_session', text: INSERT, values });
  }

  /** What the account says now; undefined when session or account are over. */
  async refresh(id: string, now: Date): Promise<{ role: string; account_type: string } | undefined> {
    const { rows } = await this.pool.query<{ role: string; account_type: string }>({
      name: 'refresh_session',
      text: REFRESH,
      values: [id, now],
    });
    return rows[0];
  }

  async live(userId: string, now: Date, limit: number): Promise<SessionRow[]> {
    const where = { userId, revokedAt: null, expiresAt: { gt: now } };
    const newest = await this.prisma.session.findMany({
      where,
      orderBy: { createdAt: 'desc' },
      take: limit,
    });
    return newest.toReversed() as unknown as SessionRow[];
  }

  async liveOne(userId: string, id: string, now: Date): Promise<SessionRow | undefined> {
    const row = await this.prisma.session.findFirst({
      where: { userId, id, revokedAt: null, expiresAt: { gt: now } },
    });
    return (row ?? undefined) as SessionRow | undefined;
  }

  async revoke(userId: string, { id, device }: Which, now: Date): Promise<EndedSession[]> {
    const { rows } = await this.pool.query<EndedSession>(REVOKE, [userId, id ?? null, device ?? null, now]);
    return rows;
  }

  /** For an account that goes: its sessions end, and only their ids stay until their tokens are over. */
  async revokeNameless(client: PoolClient, userId: string, now: Date): Promise<EndedSession[]> {
    const { rows } = await client.query<EndedSession>(REVOKE, [userId, null, null, now]);
    await client.query(
      `update sessions set user_id = '', device = null, key = '', client_info = null where user_id = $1`,
      [userId],
    );
    return rows;
  }

  /** Revoked sessions whose tokens would still be good, by id. */
  async revoked(now: Date, after: string, limit: number): Promise<EndedSession[]> {
    return (await this.pool.query<EndedSession>(REVOKED, [now, after, limit])).rows;
  }
}
