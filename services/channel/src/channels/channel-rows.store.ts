import type { Pool, PoolClient } from '@dcp/node-kit';
import type { NewChannel, UpdateOperation } from '../log/operation.js';

const INSERT_CHANNELS = `
  insert into channels (channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis,
    genesis_signature, creator, created_at, last_activity)
  select channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis, genesis_signature,
    creator, created_at, created_at
  from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
    $10::text[], $11::text[], $12::timestamptz[])
    as new (channel_id, name, home_node, home_epoch, encryption, visibility, title, description, genesis,
      genesis_signature, creator, created_at)
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
  ];
  const { rows } = await client.query<{ channel_id: string }>(INSERT_CHANNELS, values);
  return rows.map((row) => row.channel_id);
}

/** Sets what the operation names; an absent member keeps its value. */
export async function updateSettings(client: PoolClient, operation: UpdateOperation): Promise<void> {
  const { channelId, title = null, description = null } = operation;
  await client.query(
    'update channels set title = coalesce($2, title), description = coalesce($3, description) where channel_id = $1',
    [channelId, title, description],
  );
}
