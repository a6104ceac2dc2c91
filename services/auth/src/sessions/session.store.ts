import type { Pool } from '@dcp/node-kit';
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

const REVOKED =
  'select id, expires_at from sessions where revoked_at is not null and expires_at > $1 order by expires_at limit $2';

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

  async insert(row: Omit<SessionRow, 'revokedAt'>): Promise<void> {
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
    await this.pool.query({ name: 'insert_session', text: INSERT, values });
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
    const rows = await this.prisma.session.findMany({ where, orderBy: { createdAt: 'asc' }, take: limit });
    return rows as unknown as SessionRow[];
  }

  async revoke(userId: string, { id, device }: Which, now: Date): Promise<EndedSession[]> {
    const { rows } = await this.pool.query<EndedSession>(REVOKE, [userId, id ?? null, device ?? null, now]);
    return rows;
  }

  /** Revoked sessions whose tokens would still be good. */
  async revoked(now: Date, limit: number): Promise<EndedSession[]> {
    return (await this.pool.query<EndedSession>(REVOKED, [now, limit])).rows;
  }
}
