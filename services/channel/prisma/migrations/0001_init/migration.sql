-- Ids and names are ASCII: compared by bytes they are cheap, and sorted alike everywhere (the order of locks depends on it).

-- Every post updates its channel's row and touches no indexed column of it: room on the page keeps these updates heap-only.
create table channels (
  channel_id text collate "C" primary key,
  name text collate "C" not null,
  home_node text not null,
  home_epoch integer not null,
  encryption text not null check (encryption in ('e2ee', 'node')),
  visibility text not null check (visibility in ('public')),
  title text not null,
  description text not null,
  genesis text not null,
  genesis_signature text not null,
  creator text not null,
  created_at timestamptz(3) not null,
  deleted_at timestamptz(3),
  last_seq bigint not null default 0,
  acl_version bigint not null default 0,
  state_head text,
  published_seq bigint not null default 0,
  member_count integer not null default 0,
  last_activity timestamptz(3) not null
) with (fillfactor = 50);

create unique index channels_name_key on channels (name) where deleted_at is null;

-- No foreign key to channels: an entry is only ever inserted under the lock of its channel's row, and the check of each row would
-- cost as much as the insert.
create table channel_events (
  channel_id text collate "C" not null,
  seq bigint not null,
  id text collate "C" not null,
  digest bytea not null,
  type text not null,
  author text collate "C" not null,
  device text,
  "timestamp" timestamptz(3) not null,
  received_at timestamptz(3) not null,
  body text not null,
  home_epoch integer not null,
  primary key (channel_id, seq),
  unique (channel_id, id)
);

-- For wiping all that one author wrote. Partial: wiped entries leave it, so that the next chunk is always at hand and the index
-- never holds one long list of the empty author.
create index channel_events_author_idx on channel_events (author) where author <> '';

create table members (
  channel_id text collate "C" not null,
  user_id text collate "C" not null,
  role text not null check (role in ('owner', 'member')),
  joined_at timestamptz(3) not null,
  joined_seq bigint not null,
  primary key (channel_id, user_id)
);

create index members_user_id_idx on members (user_id);
