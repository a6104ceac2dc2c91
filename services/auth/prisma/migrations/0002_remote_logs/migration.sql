-- Device logs of users of other nodes, as far as they were asked for and verified: one row each, found again while their node is away.
create table remote_logs (
  user_id text collate "C" primary key,
  -- `ed25519:` identity key that was shown first; a log under another key is never taken.
  public_key text not null,
  -- JSON array of the entries, from 1 without a gap.
  entries text not null,
  head integer not null,
  head_hash text,
  fetched_at timestamptz(3) not null
);

create index remote_logs_fetched_at_idx on remote_logs (fetched_at);
