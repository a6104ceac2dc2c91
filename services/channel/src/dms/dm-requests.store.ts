import type { Pool } from '@dcp/node-kit';
import { usersOf } from '../node/node-of.js';
import type { HomeDirectory, RemoteInvitation } from '../replicas/home-directory.js';

/** Unanswered wishes of one user of this node, and unanswered requests of one other node. */
const [MAX_WISHES, MAX_REQUESTS] = [500, 200];

const WISH = `
  insert into dm_wishes (channel_id, user_id, wished_at)
  select $1, $2, $3 where (select count(*) from dm_wishes where user_id = $2) < ${MAX_WISHES} on conflict do nothing`;

const REQUESTS = `
  select count(*)::int as requests from remote_invitations where invited_by collate "C" >= $1 and invited_by collate "C" < $2 and name like '@%'`;

/**
 * Direct messages between nodes that have not rated each other (§10.3): the first wish is kept on both sides, at the wisher's node as a wish,
 * at the other's as an invitation. When the other opens the same conversation, both are met.
 */
export class DmRequests {
  constructor(
    private readonly pool: Pool,
    private readonly homes: HomeDirectory,
  ) {}

  /** A user of this node was told that the other has to accept first. */
  async wish(channelId: string, userId: string, now: Date): Promise<void> {
    await this.pool.query(WISH, [channelId, userId, now]);
  }

  /** Whether a user of this node has asked for the conversation himself. */
  async isWished(channelId: string): Promise<boolean> {
    return (await this.pool.query('select 1 from dm_wishes where channel_id = $1', [channelId])).rowCount !== 0;
  }

  /** Shows a user of this node that somebody would like to write to him. False: he knows, or the node asks too often. */
  async ask(request: RemoteInvitation, node: string): Promise<boolean> {
    const { rows } = await this.pool.query<{ requests: number }>(REQUESTS, usersOf(node));
    return (rows[0]?.requests ?? 0) < MAX_REQUESTS && (await this.homes.invite(request));
  }

  /** The conversation is there. */
  async settle(channelId: string): Promise<void> {
    await this.pool.query('delete from dm_wishes where channel_id = $1', [channelId]);
    await this.homes.replicated(channelId);
  }
}
