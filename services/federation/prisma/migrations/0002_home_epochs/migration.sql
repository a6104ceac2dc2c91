-- Homes of channels move: what was fed, and what was heard, belongs to one epoch of the home. Expand only: what ran on the schema before
-- runs on this one.
alter table feed_cursors add column epoch integer not null default 1;
alter table replica_heads add column epoch integer not null default 1;
