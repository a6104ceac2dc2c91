-- What authors must still be told: posts that waited for another node and came to nothing. Expand only: what ran on the schema before tells
-- whoever is there, as it did.

create table refused_posts (
  channel_id text collate "C" not null,
  id text collate "C" not null,
  user_id text collate "C" not null,
  name text not null,
  -- JSON text of the refusal.
  error text not null,
  refused_at timestamptz(3) not null,
  primary key (channel_id, id)
);

create index refused_posts_user_id_idx on refused_posts (user_id, refused_at);
create index refused_posts_refused_at_idx on refused_posts (refused_at);
