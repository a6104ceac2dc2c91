import type { Pool, PoolClient } from '@dcp/node-kit';
import { keepMandate } from '../handover/mandate.store.js';
import type { NewChannel, Settings } from '../log/operation.js';

const INSERT_CHANNELS = `
  insert into channels (channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis,
    genesis_signature, creator, created_at, last_activity, member_count)
  select channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis, genesis_signature,
    creator, created_at, created_at, member_count
  from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::timestamptz[], $13::int[])
    as new (channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis,
      genesis_signature, creator, created_at, member_count)
  order by name
  on conflict do nothing
  returning channel_id`;

/**
 * Inserts channels and returns the ids of those whose id and name were free. In the order of names, and after all locks of the
 * transaction: waiting for another's name can then never close a circle.
 */
export async function insertChannels(client: Pool | PoolClient, channels: NewChannel[]): Promise<string[]> {
  const values = [
    channels.map((channel) => channel.channelId),
    channels.map((channel) => channel.name),
    channels.map((channel) => channel.homeNode),
    channels.map((channel) => channel.homeEpoch),
    channels.map((channel) => channel.encryption),
    channels.map((channel) => channel.visibility),
    channels.map((channel) => channel.title),
    channels.map((channel) => channel.description),
    channels.map((channel) => channel.genesis),
    channels.map((channel) => channel.genesisSignature),
    channels.map((channel) => channel.creator),
    channels.map((channel) => channel.createdAt),
    channels.map((channel) => channel.memberCount),
  ];
  const { rows } = await client.query<{ channel_id: string }>(INSERT_CHANNELS, values);
  return rows.map((row) => row.channel_id);
}

/** Sets what the update names; an absent member keeps its value. */
export async function updateSettings(client: PoolClient, update: Settings & { channelId: string }): Promise<void> {
  const { channelId, title = null, description = null, mandate } = update;
  if (mandate !== undefined) await keepMandate(client, mandate);
  await client.query(
    'update channels set title = coalesce($2, title), description = coalesce($3, description) where channel_id = $1',
    [channelId, title, description],
  );
}
