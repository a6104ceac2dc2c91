import type { Entry } from '@dcp/contracts';
import type { Pool } from '@dcp/node-kit';
import type { Visibility } from '@dcp/protocol';
import { PAGE_STATE } from '../history/history.store.js';
import { type EntryRow, entryOf } from '../log/entry-row.js';

/** Where a channel's chain stands, and what the asking user is to it. */
export interface ChainHead {
  name: string;
  visibility: Visibility;
  genesis: string;
  genesisSignature: string;
  stateHead: string | null;
  epoch: number;
  lastSeq: number;
  isMember: boolean;
  isInvited: boolean;
  isBanned: boolean;
}

const FIND = `
  select c.name, c.visibility, c.genesis, c.genesis_signature, c.state_head, c.epoch, c.last_seq,
    exists (select 1 from members m where m.channel_id = c.channel_id and m.user_id = $2) as is_member,
    exists (select 1 from invitations i where i.channel_id = c.channel_id and i.user_id = $2) as is_invited,
    exists (select 1 from bans b where b.channel_id = c.channel_id and b.user_id = $2) as is_banned
  from channels c where c.channel_id = $1 and c.deleted_at is null`;

const LIVING_LINK = 'select 1 from invite_links where channel_id = $1 and key = $2 and expires_at > $3';

const INVITATIONS = `
  select c.channel_id, c.name, c.title, i.invited_by, i.created_at
  from invitations i join channels c on c.channel_id = i.channel_id and c.deleted_at is null
  where i.user_id = $1 order by i.created_at desc, c.channel_id limit $2`;

export interface InvitationRow {
  channel_id: string;
  name: string;
  title: string;
  invited_by: string;
  created_at: Date;
}

interface ChainRow {
  name: string;
  visibility: Visibility;
  genesis: string;
  genesis_signature: string;
  state_head: string | null;
  epoch: number;
  last_seq: string;
  is_member: boolean;
  is_invited: boolean;
  is_banned: boolean;
}

/** The state chain as it is read. */
export class ChainStore {
  constructor(private readonly pool: Pool) {}

  async find(channelId: string, userId: string): Promise<ChainHead | undefined> {
    const { rows } = await this.pool.query<ChainRow>({ name: 'find_chain', text: FIND, values: [channelId, userId] });
    const row = rows[0];
    if (row === undefined) return undefined;
    return {
      name: row.name,
      visibility: row.visibility,
      genesis: row.genesis,
      genesisSignature: row.genesis_signature,
      stateHead: row.state_head,
      epoch: row.epoch,
      lastSeq: Number(row.last_seq),
      isMember: row.is_member,
      isInvited: row.is_invited,
      isBanned: row.is_banned,
    };
  }

  async hasLink(channelId: string, key: string, now: Date): Promise<boolean> {
    return (await this.pool.query(LIVING_LINK, [channelId, key, now])).rowCount !== 0;
  }

  /** At most `limit` state entries with `seq` above `after`, ascending; fewer where they are large. */
  async entriesAfter(channelId: string, after: number, limit: number): Promise<Entry[]> {
    const { rows } = await this.pool.query<EntryRow>({
      name: 'state_after',
      text: PAGE_STATE,
      values: [channelId, after, limit],
    });
    return rows.map(entryOf);
  }

  /** The newest invitations of a user. */
  async invitationsOf(userId: string, limit: number): Promise<InvitationRow[]> {
    const { rows } = await this.pool.query<InvitationRow>(INVITATIONS, [userId, limit]);
    return rows;
  }
}
