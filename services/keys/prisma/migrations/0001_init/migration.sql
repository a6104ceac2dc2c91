-- A device is here once it has published prekeys. A revoked one stays as a tombstone, so that a late publish cannot bring it back.
create table devices (
  user_id text not null,
  device text not null,
  epoch integer not null,
  revoked_at timestamptz(3),
  primary key (user_id, device)
);

-- Only prekeys of the device's present epoch. A one-time prekey that was handed out stays for a while without its body, so that
-- publishing it again cannot hand it out twice.
create table prekeys (
  user_id text not null,
  device text not null,
  kind text not null check (kind in ('signed', 'one-time', 'kem', 'kem-last-resort')),
  id bigint not null,
  hash bytea not null,
  body text,
  created_at timestamptz(3) not null,
  claimed_at timestamptz(3),
  primary key (user_id, device, kind, id),
  foreign key (user_id, device) references devices (user_id, device) on delete cascade
);

create index prekeys_stock_idx on prekeys (user_id, device, kind, id) where body is not null;
create index prekeys_claimed_at_idx on prekeys (claimed_at) where claimed_at is not null;

-- How many bundles a user took from a device within the hour that began with the first.
create table claim_counts (
  user_id text not null,
  device text not null,
  claimer text not null,
  since timestamptz(3) not null,
  count integer not null,
  primary key (user_id, device, claimer)
);

create index claim_counts_claimer_idx on claim_counts (claimer);
create index claim_counts_since_idx on claim_counts (since);

-- One row a device: its lock orders all that goes into the queue or leaves it.
create table queues (
  user_id text not null,
  device text not null,
  head bigint not null default 0,
  items integer not null default 0,
  bytes bigint not null default 0,
  primary key (user_id, device),
  foreign key (user_id, device) references devices (user_id, device) on delete cascade
);

create table queue_items (
  user_id text not null,
  device text not null,
  seq bigint not null,
  from_user text not null,
  from_device text not null,
  id text not null,
  body text not null,
  received_at timestamptz(3) not null,
  primary key (user_id, device, seq),
  unique (user_id, device, from_user, from_device, id),
  foreign key (user_id, device) references queues (user_id, device) on delete cascade
);

create index queue_items_received_at_idx on queue_items (received_at);
create index queue_items_from_user_idx on queue_items (from_user);

-- What a device took: a sender who did not hear of it and sends again is not delivered twice.
create table taken_items (
  user_id text not null,
  device text not null,
  from_user text not null,
  from_device text not null,
  id text not null,
  taken_at timestamptz(3) not null,
  primary key (user_id, device, from_user, from_device, id),
  foreign key (user_id, device) references queues (user_id, device) on delete cascade
);

create index taken_items_taken_at_idx on taken_items (taken_at);
create index taken_items_from_user_idx on taken_items (from_user);

-- One row a user: its lock orders what changes his backup, its figures hold the limits.
create table backups (
  user_id text primary key,
  records integer not null default 0,
  bytes bigint not null default 0
);

create table backup_records (
  user_id text not null references backups (user_id) on delete cascade,
  id text collate "C" not null,
  month text not null,
  body text not null,
  created_at timestamptz(3) not null,
  primary key (user_id, id)
);

create index backup_records_month_idx on backup_records (user_id, month, id);
