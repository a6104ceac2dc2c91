-- A channel whose home was lost goes on at a node that may lack its beginning. Expand only: what ran on the schema before takes every log
-- for whole.

alter table channels
  -- Of a channel that is homed here: the first entry of its log that there is; null: the first one.
  add column first_seq bigint;
