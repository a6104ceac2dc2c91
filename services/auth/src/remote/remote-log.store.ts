import type { Pool } from '@dcp/node-kit';
import type { DeviceEntry, MovedTo } from '@dcp/protocol';

/** A device log of another node's user; every entry of it was verified. */
export interface RemoteLog {
  userId: string;
  /** `ed25519:` text. */
  publicKey: string;
  entries: DeviceEntry[];
  head: number;
  headHash: string | null;
  fetchedAt: Date;
  /** Where the user has moved, as he and the new account have signed it. */
  movedTo: MovedTo | null;
}

interface Row {
  user_id: string;
  public_key: string;
  entries: string;
  head: number;
  head_hash: string | null;
  fetched_at: Date;
  moved_to: string | null;
}

/**
 * A replica that was slower must not put an older log in the place of a newer one, nor anybody another key. Of moves the one that was
 * issued last stays, and none is forgotten because the user's node says nothing of it.
 */
const KEEP = `
  insert into remote_logs (user_id, public_key, entries, head, head_hash, fetched_at, moved_to, moved_issued)
  values ($1, $2, $3, $4, $5, $6, $7, $8)
  on conflict (user_id) do update
  set entries = excluded.entries, head = excluded.head, head_hash = excluded.head_hash, fetched_at = excluded.fetched_at,
    moved_to = case when excluded.moved_issued > coalesce(remote_logs.moved_issued, '-infinity')
      then excluded.moved_to else remote_logs.moved_to end,
    moved_issued = greatest(excluded.moved_issued, remote_logs.moved_issued)
  where remote_logs.public_key = excluded.public_key and remote_logs.head <= excluded.head`;

/** Logs of other nodes' users that this node has asked for. */
export class RemoteLogStore {
  constructor(private readonly pool: Pool) {}

  async find(userIds: readonly string[]): Promise<Map<string, RemoteLog>> {
    const { rows } = await this.pool.query<Row>({
      name: 'remote_logs',
      text: 'select * from remote_logs where user_id = any($1)',
      values: [userIds],
    });
    return new Map(rows.map((row) => [row.user_id, logOf(row)]));
  }

  async keep({ userId, publicKey, entries, head, headHash, fetchedAt, movedTo }: RemoteLog): Promise<void> {
    const moved = movedTo === null ? [null, null] : [JSON.stringify(movedTo), movedTo.issued];
    await this.pool.query(KEEP, [userId, publicKey, JSON.stringify(entries), head, headHash, fetchedAt, ...moved]);
  }

  /** The next question asks the user's node again. Answers whether the log is known here. */
  async expire(userId: string): Promise<boolean> {
    const { rowCount } = await this.pool.query("update remote_logs set fetched_at = 'epoch' where user_id = $1", [
      userId,
    ]);
    return (rowCount ?? 0) > 0;
  }

  /** Those that nobody has asked for lately, and the oldest above `most`. */
  async prune(before: Date, most: number, chunk: number): Promise<void> {
    await this.pool.query(
      `delete from remote_logs where user_id in (
         select user_id from remote_logs where fetched_at < $1 or user_id in (
           select user_id from remote_logs order by fetched_at desc offset $2)
         limit $3)`,
      [before, most, chunk],
    );
  }
}

function logOf(row: Row): RemoteLog {
  return {
    userId: row.user_id,
    publicKey: row.public_key,
    entries: JSON.parse(row.entries) as DeviceEntry[],
    head: row.head,
    headHash: row.head_hash,
    fetchedAt: row.fetched_at,
    movedTo: row.moved_to === null ? null : (JSON.parse(row.moved_to) as MovedTo),
  };
}
