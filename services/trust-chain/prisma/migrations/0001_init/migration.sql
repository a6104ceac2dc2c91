-- What the operator says of other nodes. A word of his own wins over the file of known nodes.
create table levels (
  node_id text collate "C" primary key,
  level text not null check (level in ('trusted', 'monitored', 'unknown', 'blocked')),
  source text not null check (source in ('file', 'operator')),
  set_by text,
  set_at timestamptz(3) not null
);

-- One row a log, this node's own among them: its lock orders what is appended.
create table logs (
  issuer text collate "C" primary key,
  -- Grows when an administrator has a forked log read anew; what was read before stays.
  generation integer not null default 0,
  size integer not null default 0,
  last_hash text,
  -- Roots of the complete subtrees (RFC 9162 §2.1), hex, the largest first.
  peaks text[] not null default '{}',
  -- Of others: the last head that was verified, as it was signed.
  head text,
  state text not null default 'ok' check (state in ('ok', 'forked')),
  fault text,
  checked_at timestamptz(3)
);

create table entries (
  issuer text collate "C" not null references logs (issuer),
  generation integer not null,
  seq integer not null check (seq > 0),
  hash text not null,
  leaf_hash bytea not null,
  -- JCS form, as it was signed.
  body text not null,
  received_at timestamptz(3) not null,
  primary key (issuer, generation, seq)
);

-- What was said stays said: not even this service can change or remove it.
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'the trust log is append-only' using errcode = 'integrity_constraint_violation';
end
$$;

create trigger entries_append_only before update or delete on entries for each row execute function refuse_change();
create trigger entries_not_emptied before truncate on entries for each statement execute function refuse_change();

-- A gap or a second first entry cannot come in, whoever writes it.
create function require_next() returns trigger language plpgsql as $$
begin
  if new.seq <> 1 + coalesce((select max(seq) from entries where issuer = new.issuer and generation = new.generation), 0) then
    raise exception 'entry % does not follow', new.seq using errcode = 'integrity_constraint_violation';
  end if;
  return new;
end
$$;

create trigger entries_gapless before insert on entries for each row execute function require_next();

-- What became of a decision here, whether it stands in a log or came as a frame.
create table decisions (
  id text collate "C" primary key,
  -- The order in which they came here.
  number bigint generated always as identity unique,
  issuer text collate "C" not null,
  seq integer,
  action text not null check (action in ('ban_user', 'temp_ban_user', 'flag_content', 'rate_limit_user', 'block_node')),
  target text collate "C" not null,
  per_minute integer,
  evidence text,
  note text,
  by_user text,
  verified boolean not null,
  issued timestamptz(3) not null,
  expires timestamptz(3),
  status text not null check (status in ('applied', 'pending', 'rejected', 'ignored')),
  judged_by text,
  appeal text,
  lifted_at timestamptz(3),
  -- Set once somebody was told that it is over.
  ended_at timestamptz(3),
  unique (issuer, seq)
);

create index decisions_effective_idx on decisions (target) where status = 'applied' and lifted_at is null;
create index decisions_status_idx on decisions (status, number);
create index decisions_issuer_idx on decisions (issuer, number);
create index decisions_target_idx on decisions (target, number);
create index decisions_expires_idx on decisions (expires) where expires is not null and ended_at is null;

create table overrides (
  target text collate "C" primary key,
  rule text not null check (rule in ('never', 'always')),
  set_by text not null,
  set_at timestamptz(3) not null
);

-- What holds for nodes: the operator's word first, then the decisions in force.
create view effective_levels as
  select node_id, level from levels
  union all
  select distinct d.target, 'blocked' from decisions d
  where d.action = 'block_node' and d.status = 'applied' and d.lifted_at is null
    and not exists (select 1 from levels l where l.node_id = d.target)
    and not exists (select 1 from overrides o where o.target = d.target);
