-- Messages that users of this node have reported.
create table reports (
  id text collate "C" primary key,
  -- The order in which they came.
  number bigint generated always as identity unique,
  reporter text collate "C" not null,
  channel_id text collate "C" not null,
  message_id text collate "C" not null,
  author text collate "C" not null,
  -- The message's own.
  timestamp text not null,
  type text not null,
  reason text not null,
  note text,
  -- As its author signed it, and the key that opens it: kept while they are needed, of verified reports only.
  message text,
  message_key text,
  verified boolean not null,
  fault text,
  reported timestamptz(3) not null,
  closed timestamptz(3),
  closed_by text,
  decision text,
  check (verified = (fault is null)),
  check (verified or message is null),
  check (message is not null or message_key is null),
  -- What was disclosed goes with the report.
  check (closed is null or (message is null and message_key is null))
);

create unique index reports_open_idx on reports (reporter, channel_id, message_id) where closed is null;
create index reports_state_idx on reports ((closed is null), number);
create index reports_author_idx on reports (author, number);
create index reports_age_idx on reports (reported);

-- Of a decision whose evidence has a proof: whether it was verified here; null where there is none.
alter table decisions add column proof text check (proof in ('waiting', 'verified', 'refused'));
alter table decisions add column proof_tries integer not null default 0;
alter table decisions add column proof_due timestamptz(3);
create index decisions_proof_idx on decisions (proof_due) where proof = 'waiting';
