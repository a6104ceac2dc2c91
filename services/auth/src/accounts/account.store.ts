import { sha256, toUtf8 } from '@dcp/crypto';
import { type Clock, type Pool, type PoolClient, withTransaction } from '@dcp/node-kit';
import type { IdentitySection, Preferences, RegisteredIdentity, AccountType } from '@dcp/protocol';
import type { PrismaClient } from '../database.js';
import type { EndedSession, SessionStore } from '../sessions/session.store.js';

export type AccountStatus = 'active' | 'pending' | 'suspended';

export interface Account {
  userId: string;
  /** `ed25519:` and 32 raw bytes. */
  publicKey: string;
  identity: IdentitySection;
  identitySignature: string;
  homeNode: RegisteredIdentity['home_node'];
  preferences: Preferences;
  /** Members of the file that this version does not know; kept for its owner. */
  extra: Record<string, unknown>;
  accountType: AccountType;
  status: AccountStatus;
  role: 'owner' | 'user';
  encryptedData: string | null;
  retrievalHash: Uint8Array | null;
  createdAt: Date;
  expiresAt: Date | null;
}

const INSERT = `
  insert into accounts (user_id, username, public_key, identity, identity_signature, home_node, preferences, account_type, status,
    role, encrypted_data, retrieval_hash, created_at, expires_at, extra)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) on conflict do nothing`;

const SPEND_INVITE = `
  update invites set uses_left = uses_left - 1
  where code_hash = $1 and uses_left > 0 and expires_at > $2 returning grants_owner`;

/** Others have followed a user who has moved: nobody takes his name afterwards. */
const RETIRE = `
  insert into retired_names (user_hash, retired_at)
  select $2, $3 from moves where user_id = $1 on conflict do nothing`;

/** Two registrations at the same moment must not both find an empty node. */
const LOCK_FIRST = `select pg_advisory_xact_lock(hashtext('dcp-first-account'))`;

export interface NewAccountRules {
  /** The first account of the node owns it. */
  firstOwns: boolean;
  /** SHA-256 of the invite, hex; undefined: none is asked. */
  inviteHash: string | undefined;
  /** Only the owner's invite opens a closed node. */
  ownerOnly: boolean;
}

export type Insertion = 'inserted' | 'exists' | 'no_invite';

export class AccountStore {
  constructor(
    private readonly prisma: PrismaClient,
    private readonly pool: Pool,
    private readonly sessions: SessionStore,
    private readonly clock: Clock,
  ) {}

  /** Undefined for an account that is over, too: its rows follow soon (§4.3). */
  async find(userId: string): Promise<Account | undefined> {
    const row = await this.prisma.account.findUnique({ where: { userId } });
    if (row === null || (row.expiresAt !== null && row.expiresAt.getTime() <= this.clock.now())) return undefined;
    return row as unknown as Account;
  }

  async hasOwner(): Promise<boolean> {
    return (
      (await this.prisma.account.findFirst({
        where: { role: 'owner' },
        select: { userId: true },
      })) !== null
    );
  }

  count(): Promise<number> {
    return this.prisma.account.count();
  }

  async pending(limit: number): Promise<string[]> {
    const rows = await this.prisma.account.findMany({
      where: { status: 'pending' },
      select: { userId: true },
      orderBy: { createdAt: 'asc' },
      take: limit,
    });
    return rows.map(({ userId }) => userId);
  }

  /** Account and invite in one transaction: a spent invite without an account, or the other way round, cannot be. `account.role` is set. */
  insert(account: Account, rules: NewAccountRules): Promise<Insertion> {
    return withTransaction<Insertion>(this.pool, async (client) => {
      if (rules.firstOwns || rules.inviteHash !== undefined) account.role = await this.#role(client, account, rules);
      // Nobody else could approve him.
      if (account.role === 'owner') account.status = 'active';
      const { rowCount } = await client.query(INSERT, values(account));
      // The invite is given back with the transaction. Asked after the insert, which has waited for a removal of the same name.
      if (rowCount !== 1 || (await isRetired(client, account.userId))) throw new AlreadyThere();
      return 'inserted';
    }).catch((error: unknown): Insertion => {
      if (error instanceof AlreadyThere) return 'exists';
      if (error instanceof InviteMissing) return 'no_invite';
      throw error;
    });
  }

  async #role(
    client: PoolClient,
    { createdAt }: Account,
    { firstOwns, inviteHash, ownerOnly }: NewAccountRules,
  ): Promise<Account['role']> {
    await client.query(LOCK_FIRST);
    const { rows } = await client.query<{ taken: boolean }>(
      `select exists (select 1 from accounts where role = 'owner') as taken`,
    );
    const taken = rows[0]?.taken ?? true;
    if (inviteHash === undefined) return firstOwns && !taken ? 'owner' : 'user';
    const invite = await client.query<{ grants_owner: boolean }>(SPEND_INVITE, [inviteHash, createdAt]);
    const grantsOwner = invite.rows[0]?.grants_owner;
    // An owner's invite makes the owner or nobody.
    if (grantsOwner === undefined || (ownerOnly && !grantsOwner) || (grantsOwner && taken)) throw new InviteMissing();
    return grantsOwner ? 'owner' : 'user';
  }

  async update(account: Account): Promise<void> {
    const { userId, identity, identitySignature, preferences, homeNode, encryptedData, retrievalHash, extra } = account;
    await this.pool.query(
      `update accounts set identity = $2, identity_signature = $3, preferences = $4, home_node = $5, encrypted_data = $6,
         retrieval_hash = $7, extra = $8 where user_id = $1`,
      [userId, identity, identitySignature, preferences, homeNode, encryptedData, retrievalHash, extra],
    );
  }

  /** False when there is no such account, or it is not in one of the states. */
  async setStatus(userId: string, status: AccountStatus, from: AccountStatus[]): Promise<boolean> {
    const { count } = await this.prisma.account.updateMany({
      where: { userId, status: { in: from } },
      data: { status },
    });
    return count === 1;
  }

  /**
   * Everything of a user; his device log goes with the account, and where he has moved. Of that only the hash of his name stays. Sessions that began meanwhile are returned: their end has to be told.
   * Of all his sessions only the ids stay, for gateways that start later.
   */
  remove(userId: string): Promise<EndedSession[]> {
    return withTransaction(this.pool, async (client) => {
      await client.query('select 1 from accounts where user_id = $1 for update', [userId]);
      const ended = await this.sessions.revokeNameless(client, userId, new Date(this.clock.now()));
      await client.query(RETIRE, [userId, nameHash(userId), new Date(this.clock.now())]);
      await client.query('delete from invites where created_by = $1', [userId]);
      await client.query('delete from accounts where user_id = $1', [userId]);
      return ended;
    });
  }

  /** Temporary accounts that are over, and those that moved long ago, by user id. */
  async expired(now: Date, after: string, limit: number): Promise<string[]> {
    const { rows } = await this.pool.query<{ user_id: string }>(
      'select user_id from accounts where expires_at <= $1 and user_id > $2 order by user_id limit $3',
      [now, after, limit],
    );
    return rows.map((row) => row.user_id);
  }
}

/** The name is taken; rolls the transaction back. */
class AlreadyThere extends Error {}

/** No such invite, or it is spent or over; rolls the transaction back. */
class InviteMissing extends Error {}

async function isRetired(client: PoolClient, userId: string): Promise<boolean> {
  const { rowCount } = await client.query('select 1 from retired_names where user_hash = $1', [nameHash(userId)]);
  return rowCount === 1;
}

function nameHash(userId: string): Uint8Array {
  return sha256(toUtf8(userId));
}

function values(account: Account): unknown[] {
  return [
    account.userId,
    account.identity.username,
    account.publicKey,
    account.identity,
    account.identitySignature,
    account.homeNode,
    account.preferences,
    account.accountType,
    account.status,
    account.role,
    account.encryptedData,
    account.retrievalHash,
    account.createdAt,
    account.expiresAt,
    account.extra,
  ];
}
