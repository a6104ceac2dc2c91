-- The certificate that this node made for itself when it was given none: one for all instances. The key is sealed with the node key.
create table tls_identity (
  id integer primary key check (id = 1),
  certificate text not null,
  private_key bytea not null
);

-- Nodes that this one has seen, each with the key that was pinned then.
create table peers (
  node_id text collate "C" primary key,
  name text,
  key text not null,
  document jsonb not null,
  sequence bigint not null,
  via text,
  first_seen timestamptz(3) not null,
  last_seen timestamptz(3) not null,
  last_error text
);

create index peers_last_seen_idx on peers (last_seen);

-- Which instance keeps the link to a node, and until when unless it says so again.
create sequence lease_tokens;
create table leases (
  peer text collate "C" primary key,
  holder text not null,
  token bigint not null,
  until timestamptz(3) not null,
  dialler text,
  since timestamptz(3)
);

-- Signed frames that came over HTTPS: each is taken once.
create table seen_frames (
  source_node text not null,
  id text not null,
  seen_at timestamptz(3) not null,
  primary key (source_node, id)
);

create index seen_frames_seen_at_idx on seen_frames (seen_at);

-- As a home: what a node has of a channel. `sent_…` is the batch that it was offered last.
create table feed_cursors (
  peer text collate "C" not null,
  channel_id text not null,
  seq bigint not null,
  head text,
  sent_to bigint,
  sent_head text,
  primary key (peer, channel_id)
);

-- As a reader: the home's word on the order of a channel, as far as it was heard.
create table replica_heads (
  channel_id text primary key,
  home text not null,
  base bigint not null,
  base_head text,
  seq bigint not null,
  head text not null,
  last_order jsonb not null,
  stopped_at timestamptz(3),
  evidence jsonb
);

create index replica_heads_home_idx on replica_heads (home);
