-- Keys on their way to devices of other nodes whose node could not be reached when they were sent.
create table outgoing_nodes (
  node_id text collate "C" primary key,
  items integer not null default 0,
  bytes bigint not null default 0,
  failures integer not null default 0,
  next_at timestamptz(3) not null,
  -- Whoever sends holds the node until then; a process that died lets it go by that.
  leased_until timestamptz(3) not null
);

create table outgoing_items (
  node_id text collate "C" not null references outgoing_nodes (node_id) on delete cascade,
  seq bigserial not null,
  from_user text collate "C" not null,
  from_device text collate "C" not null,
  user_id text collate "C" not null,
  device text collate "C" not null,
  id text collate "C" not null,
  body text not null,
  created_at timestamptz(3) not null,
  primary key (node_id, seq),
  unique (user_id, device, from_user, from_device, id)
);

create index outgoing_items_from_user_idx on outgoing_items (from_user);
create index outgoing_items_created_at_idx on outgoing_items (created_at);
