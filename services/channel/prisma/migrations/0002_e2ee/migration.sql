-- Channels that not everybody may find or enter, and the state of those that the node cannot read. Expand only: what ran on the schema
-- before runs on this one.

alter table channels drop constraint channels_visibility_check;
alter table channels add constraint channels_visibility_check
  check (visibility in ('public', 'private', 'group', 'dm'));

-- The key epoch: grows when somebody may read no longer. Posts of an older one are refused.
alter table channels add column epoch integer not null default 0;

-- A name is taken by public channels only: whether a private one has it must not show.
create unique index channels_public_name_key on channels (name) where deleted_at is null and visibility = 'public';
create index channels_hidden_name_idx on channels (name) where deleted_at is null and visibility <> 'public';
drop index channels_name_key;

-- The identity key under which a member of an e2ee channel joined; null in node channels.
alter table members add column identity_key text;

-- As for members: no foreign keys, all three are written under the lock of the channel's row only.
create table invitations (
  channel_id text collate "C" not null,
  user_id text collate "C" not null,
  identity_key text not null,
  invited_by text collate "C" not null,
  created_at timestamptz(3) not null,
  primary key (channel_id, user_id)
);

create index invitations_user_id_idx on invitations (user_id);
create index invitations_invited_by_idx on invitations (invited_by) where invited_by <> '';

create table bans (
  channel_id text collate "C" not null,
  user_id text collate "C" not null,
  banned_by text collate "C" not null,
  created_at timestamptz(3) not null,
  primary key (channel_id, user_id)
);

create index bans_user_id_idx on bans (user_id);
create index bans_banned_by_idx on bans (banned_by) where banned_by <> '';

-- Revoked links are deleted: the log tells of them.
create table invite_links (
  channel_id text collate "C" not null,
  key text collate "C" not null,
  expires_at timestamptz(3) not null,
  primary key (channel_id, key)
);

-- The state chain is read without the messages between its entries.
create index channel_events_state_idx on channel_events (channel_id, seq) where type = 'system';
