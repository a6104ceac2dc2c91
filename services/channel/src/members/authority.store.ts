import type { Pool } from '@dcp/node-kit';
import type { EncryptionMode, Visibility } from '@dcp/protocol';
import { pairKey } from '../log/operation.js';
import type { Authority } from './authority.js';
import type { Pair } from './member.store.js';

const READ_AUTHORITIES = `
  select c.channel_id, wanted.user_id, c.encryption, c.visibility, case when m.role is not null then c.acl_version end as acl_version,
    case when c.replica_from is not null then c.home_node end as home,
    case when c.replica_from is null
      then exists (select 1 from outgoing_posts p where p.user_id = wanted.user_id and p.channel_id = c.channel_id)
      else exists (select 1 from outgoing_handovers h where h.channel_id = c.channel_id and h.step = 'take') end as held
  from unnest($1::text[], $2::text[]) as wanted (channel_id, user_id)
  join channels c on c.channel_id = wanted.channel_id and c.deleted_at is null
  left join members m on m.channel_id = wanted.channel_id and m.user_id = wanted.user_id`;

interface AuthorityRow {
  channel_id: string;
  user_id: string;
  encryption: EncryptionMode;
  visibility: Visibility;
  acl_version: string | null;
  home: string | null;
  held: boolean;
}

/** Mode and membership of each pair whose channel exists. */
export async function readAuthorities(pool: Pool, pairs: Pair[]): Promise<[string, Authority][]> {
  const { rows } = await pool.query<AuthorityRow>({
    name: 'read_authorities',
    text: READ_AUTHORITIES,
    values: [pairs.map((pair) => pair.channelId), pairs.map((pair) => pair.userId)],
  });
  return rows.map((row) => [
    pairKey(row.channel_id, row.user_id),
    {
      encryption: row.encryption,
      visibility: row.visibility,
      aclVersion: row.acl_version === null ? undefined : Number(row.acl_version),
      home: row.home,
      held: row.held,
    },
  ]);
}
