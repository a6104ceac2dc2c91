import type { Pool, PoolClient } from '@dcp/node-kit';
import { canonicalJson, type Mandate, mandateSchema } from '@dcp/protocol';

/** Of two the one with the greater number counts, however late the other comes. */
const KEEP = `
  insert into mandates (channel_id, serial, mandate) values ($1, $2, $3)
  on conflict (channel_id) do update set serial = excluded.serial, mandate = excluded.mandate
  where excluded.serial > mandates.serial`;
const FIND = 'select mandate from mandates where channel_id = $1';
const MEMBERS = 'select user_id from members where channel_id = $1 and user_id = any($2)';

export async function keepMandate(client: Pool | PoolClient, mandate: Mandate): Promise<void> {
  await client.query(KEEP, [mandate.channel_id, mandate.serial, canonicalJson(mandate)]);
}

/** Whom the owner of a channel trusts, as far as its log has told here; his signature is not checked yet. */
export async function findMandate(client: Pool | PoolClient, channelId: string): Promise<Mandate | undefined> {
  const { rows } = await client.query<{ mandate: string }>(FIND, [channelId]);
  return rows[0] === undefined ? undefined : mandateSchema.parse(JSON.parse(rows[0].mandate));
}

/** Those of the users who are in the channel. */
export async function membersAmong(client: PoolClient, channelId: string, users: string[]): Promise<Set<string>> {
  const { rows } = await client.query<{ user_id: string }>(MEMBERS, [channelId, users]);
  return new Set(rows.map(({ user_id }) => user_id));
}
