-- How the homes of channels moved, and who must still hear of it. Expand only: what ran on the schema before runs on this one.

-- The chain of each channel from its first move on. Kept when a replica is given up: whoever still asks here is told where to go.
create table handovers (
  channel_id text collate "C" not null,
  epoch integer not null,
  from_node text collate "C" not null,
  to_node text collate "C" not null,
  hash text not null,
  -- JCS text of the owner's hand-over and of what the home before said to it.
  record text not null,
  -- The last entry of the epoch before.
  last_seq bigint not null,
  at timestamptz(3) not null,
  primary key (channel_id, epoch)
);

-- Nodes that this one, having given a channel up, must tell: first the new home, which takes it, then all others.
create table outgoing_handovers (
  channel_id text collate "C" not null,
  node_id text collate "C" not null,
  step text not null check (step in ('take', 'told')),
  at timestamptz(3) not null,
  primary key (channel_id, node_id)
);

create index outgoing_handovers_node_id_idx on outgoing_handovers (node_id);
