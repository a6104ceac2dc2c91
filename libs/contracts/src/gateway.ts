import type { Presence } from '@dcp/protocol';

/** What one gateway knows of one user, told to all the others. The lowest common answer (online before away) is shown. */
export interface PresenceChanged {
  gateway_id: string;
  user_id: string;
  status: Presence;
  message?: string | undefined;
  last_seen: string;
  /** Channels in which the change is shown to others; empty for a user who hides his presence. */
  channels: string[];
}

/** A gateway's users as it starts, answers one that does, or is asked by the federation service (`PresenceWanted`); sent in chunks. */
export interface PresenceSnapshot {
  gateway_id: string;
  /** The node for which the federation service has asked; only users whom its members may see, each with the `channels` in which they do. */
  wanted_for?: string | undefined;
  users: PresenceOfUser[];
}

export interface PresenceOfUser {
  user_id: string;
  status: Presence;
  message?: string | undefined;
  last_seen: string;
  hidden: boolean;
  channels?: string[] | undefined;
}

/** Says that a gateway lives; one that is silent for three beats is forgotten together with its users. */
export interface GatewayBeat {
  gateway_id: string;
  /** Asks the others for their snapshots. */
  hello: boolean;
}

export interface TypingChanged {
  channel_id: string;
  user_id: string;
  typing: boolean;
}
