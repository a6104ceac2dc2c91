-- Whom the owner of a channel trusts to move it when its home is lost. Expand only: what ran on the schema before knows owners alone.

create table mandates (
  channel_id text collate "C" primary key,
  serial integer not null,
  -- JCS text, as the owner signed it.
  mandate text not null
);
