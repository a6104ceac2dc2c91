-- Channels whose home is another node, as replicas; and what waits for other nodes. Expand only: what ran on the schema before runs on
-- this one.

-- Null: the home is here. Otherwise the first `seq` from which the replica's log has no gap; below it stand state entries only.
alter table channels add column replica_from bigint;

-- Names of other nodes' channels are theirs; here they carry the node's id, `#name@node`.
create unique index channels_own_public_name_key on channels (name)
  where deleted_at is null and visibility = 'public' and replica_from is null;
drop index channels_public_name_key;

-- Replicas in which nobody of this node is left, until they are emptied.
create index channels_retired_idx on channels (channel_id) where deleted_at is not null and replica_from is not null;

-- Other nodes that have members in channels of this one, and for some days those that had. Written under the lock of the channel's row.
create table audience (
  channel_id text collate "C" not null,
  node_id text collate "C" not null,
  since bigint not null,
  until bigint,
  left_at timestamptz(3),
  primary key (channel_id, node_id)
);

-- Where channels are that a user of this node has asked for by name or with a hint.
create table known_homes (
  channel_id text collate "C" primary key,
  home_node text not null,
  seen_at timestamptz(3) not null
);

create index known_homes_seen_at_idx on known_homes (seen_at);

-- Invitations of users of this node to channels of which there is no replica here.
create table remote_invitations (
  channel_id text collate "C" not null,
  user_id text collate "C" not null,
  home_node text not null,
  name text not null,
  title text not null,
  invited_by text not null,
  created_at timestamptz(3) not null,
  primary key (channel_id, user_id)
);

create index remote_invitations_user_id_idx on remote_invitations (user_id);

-- When a node is tried again, and by whom now.
create table outgoing_nodes (
  node_id text collate "C" primary key,
  attempts integer not null default 0,
  next_at timestamptz(3) not null,
  leased_until timestamptz(3) not null
);

-- Posts of users of this node that their channel's home has not answered.
create table outgoing_posts (
  n bigint generated always as identity,
  channel_id text collate "C" not null,
  id text collate "C" not null,
  node_id text collate "C" not null,
  user_id text collate "C" not null,
  digest bytea not null,
  body text not null,
  queued_at timestamptz(3) not null,
  primary key (channel_id, id)
);

create index outgoing_posts_node_id_idx on outgoing_posts (node_id, n);
create index outgoing_posts_user_id_idx on outgoing_posts (user_id, channel_id);

-- News of invitations for users of other nodes; only the last one about a user and a channel counts.
create table outgoing_notices (
  channel_id text collate "C" not null,
  user_id text collate "C" not null,
  node_id text collate "C" not null,
  change text not null check (change in ('invited', 'revoked')),
  by_user text not null,
  at timestamptz(3) not null,
  primary key (channel_id, user_id)
);

create index outgoing_notices_node_id_idx on outgoing_notices (node_id, at);
create index outgoing_notices_user_id_idx on outgoing_notices (user_id);
