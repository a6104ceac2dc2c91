-- Replicas of large readable channels begin before their state chain has been read. Expand only: what ran on the schema before makes whole
-- replicas, and leaves open ones as they are.

alter table channels
  -- State entries after this number and before the next are not here yet; null: nothing is missing.
  add column chain_after bigint,
  add column chain_before bigint,
  -- Whoever reads them holds the channel until then.
  add column chain_leased_until timestamptz(3);

create index channels_chain_after_idx on channels (chain_leased_until nulls first) where chain_after is not null;
