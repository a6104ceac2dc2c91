-- Direct messages that nodes which have not rated each other must be asked for. Expand only: what ran on the schema before refuses them.

-- Conversations that a user of this node has asked for and that the other has not accepted yet.
create table dm_wishes (
  channel_id text collate "C" primary key,
  user_id text collate "C" not null,
  wished_at timestamptz(3) not null
);

create index dm_wishes_user_id_idx on dm_wishes (user_id);
create index dm_wishes_wished_at_idx on dm_wishes (wished_at);

-- How many requests of one node wait is counted.
create index remote_invitations_invited_by_idx on remote_invitations (invited_by collate "C");
