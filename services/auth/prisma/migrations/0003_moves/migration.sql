-- Accounts that go on at other nodes. Expand only: what ran on the schema before runs on this one (a moved account has an end, as a
-- temporary one has, and is ended by the same rounds).

-- One row for each account of this node that has moved; gone with it.
create table moves (
  user_id text primary key references accounts (user_id) on delete cascade,
  -- JSON text of the record as both accounts have signed it.
  record text not null,
  issued timestamptz(3) not null
);

-- SHA-256 of the ids of ended accounts that had moved: others have followed them, so nobody is ever given such a name again.
create table retired_names (
  user_hash bytea primary key,
  retired_at timestamptz(3) not null
);

-- Where a user of another node has moved; verified under `public_key`.
alter table remote_logs add column moved_to text;
alter table remote_logs add column moved_issued timestamptz(3);
