create table accounts (
  user_id text primary key,
  username text not null unique,
  public_key text not null,
  identity jsonb not null,
  identity_signature text not null,
  home_node jsonb not null,
  preferences jsonb not null,
  extra jsonb not null,
  account_type text not null check (account_type in ('standard', 'minimal', 'temporary')),
  status text not null check (status in ('active', 'pending', 'suspended')),
  role text not null check (role in ('owner', 'user')),
  encrypted_data text,
  retrieval_hash bytea,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3)
);

-- A node has one owner: two first registrations at the same moment cannot both be it.
create unique index accounts_owner_key on accounts (role) where role = 'owner';
create index accounts_expires_at_idx on accounts (expires_at) where expires_at is not null;
create index accounts_pending_idx on accounts (created_at) where status = 'pending';

create table device_log (
  user_id text not null references accounts (user_id) on delete cascade,
  seq integer not null,
  device text not null,
  action text not null check (action in ('add', 'revoke')),
  signing_key text,
  entry text not null,
  hash text not null,
  primary key (user_id, seq),
  unique (user_id, device, action)
);

create table sessions (
  id text primary key,
  user_id text not null,
  device text,
  key text not null,
  client_info jsonb,
  created_at timestamptz(3) not null,
  refreshed_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3)
);

create index sessions_user_id_idx on sessions (user_id);
create index sessions_expires_at_idx on sessions (expires_at);
create index sessions_revoked_idx on sessions (id) where revoked_at is not null;

create table used_challenges (
  hash bytea primary key,
  expires_at timestamptz(3) not null
);

create index used_challenges_expires_at_idx on used_challenges (expires_at);

create table invites (
  code_hash text primary key,
  created_by text not null,
  grants_owner boolean not null default false,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  uses_left integer not null check (uses_left >= 0)
);

-- By hash, so that asking for unknown users costs the same and their names are not kept.
create table retrieval_attempts (
  user_hash bytea primary key,
  since timestamptz(3) not null,
  count integer not null
);

create index retrieval_attempts_since_idx on retrieval_attempts (since);
