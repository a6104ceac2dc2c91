import type { Presence, TrustLevel } from '@dcp/protocol';
import type { Session } from './auth.js';
import { rpc, topic } from './define.js';
import type { TypingChanged } from './gateway.js';

/** The node that asks: its link is authenticated, so its id is true. */
export interface Peer {
  node_id: string;
  trust: TrustLevel;
}

/** A question that came from another node, on its way to the service that answers it. */
export interface PeerCall<B> {
  peer: Peer;
  body: B;
}

/** A question for another node. `via` is a host at which the node may be found when it is not known yet (profile §2). */
export interface PeerQuestion {
  node_id: string;
  via?: string | undefined;
  /** A key of `PEER_KINDS`. */
  kind: string;
  body: object;
  /** Default 10,000. */
  timeout_ms?: number | undefined;
}

export type LinkState = 'up' | 'connecting' | 'waiting' | 'off';

/** A node that this one has to do with, as operators see it. */
export interface PeerSummary {
  node_id: string;
  name: string | null;
  endpoint: string | null;
  trust: TrustLevel;
  link: LinkState;
  /** `ed25519:` key that was pinned when the node was first seen. */
  key: string | null;
  first_seen: string;
  last_seen: string | null;
  last_error: string | null;
  /** Questions that wait for their answers. */
  waiting: number;
  /** Entries that the node has not taken yet, over all channels. */
  lag: number;
}

/** One step of `dcp federation doctor`. `fix` says what to do when it is not `ok`. */
export interface DoctorCheck {
  check: 'document' | 'srv' | 'tls' | 'key' | 'clock' | 'loopback' | 'link';
  ok: boolean;
  found: string;
  fix?: string | undefined;
}

/** The link to a node has come up at another instance of the federation service; whoever had it before lets go. */
export interface LinkMoved {
  node_id: string;
  holder: string;
  /** Grows with every change of hands. */
  token: number;
}

/** What another node says of a user who is not of this one. */
export interface RemotePresence {
  /** Whose word it is: the user's own node, or the home of the channels. */
  node_id: string;
  user_id: string;
  status: Presence;
  message?: string | undefined;
  last_seen: string;
  /** Channels in which it is shown. */
  channels: string[];
}

/** Gateways say once more who is there: the users of these channels, for a node that has members in them, or all of their users. */
export type PresenceWanted = { node_id: string; channel_ids: string[] } | { node_id?: undefined };

export const FEDERATION = {
  /** This node's document as other nodes see it: with the address, the binding and the certificate keys of its links. */
  document: rpc<object, { document: Record<string, unknown> }>('federation.document', 'federation', 'gateway'),
  /** `ed25519:` key of a node, as it was pinned, and those that it has had before; looks for a node that was not seen yet. */
  key: rpc<{ node_id: string }, { key: string; former?: string[] | undefined }>(
    'federation.key',
    'federation',
    'trust-chain',
    'channel',
  ),

  /**
   * Finds the node at a host (`chat.example.com`, with a port or as a URL; also by the SRV records of the name) and pins its key, so that
   * from now on it can be asked by its id. NODE_UNREACHABLE when nothing answers there, FEDERATION_ERROR when it is not to be believed
   * or is blocked here. The own node may be met too.
   */
  meet: rpc<{ via: string }, { node_id: string }>('federation.meet', 'federation', 'gateway'),

  /**
   * Asks another node and resolves with its answer's body. Rejects with the other node's own error; NODE_UNREACHABLE when it cannot be
   * found or does not answer in time, FEDERATION_ERROR when it is not who it should be or is blocked here.
   */
  ask: rpc<PeerQuestion, { body: Record<string, unknown> }>(
    'federation.ask',
    'federation',
    'gateway',
    'auth',
    'keys',
    'channel',
    'trust-chain',
  ),

  peers: rpc<{ session: Session; after?: string | undefined }, { peers: PeerSummary[]; next?: string }>(
    'federation.peers',
    'federation',
    'gateway',
  ),
  /** Forgets what was pinned of a node, so that its next document is believed: for a node that has lost its key. */
  forget: rpc<{ session: Session; node_id: string }, { node_id: string }>('federation.forget', 'federation', 'gateway'),
  /** Looks at one other node, or without `node` at this one from outside. */
  doctor: rpc<{ session: Session; node?: string | undefined }, { checks: DoctorCheck[] }>(
    'federation.doctor',
    'federation',
    'gateway',
  ),

  /** `federation.forward.<instance>`: a question for the instance that holds the link. NODE_UNREACHABLE `not_holder` when it does not. */
  forward: rpc<PeerQuestion, { body: Record<string, unknown> }>('federation.forward.*', 'federation', 'federation'),
  /** The node can be reached again: what waits for it need not wait any longer. */
  linkUp: topic<{ node_id: string }>('federation.event.link-up', 'federation', 'keys', 'channel', 'trust-chain'),
  /** `federation.event.typing.<channel_id>`: a user of another node types. */
  typing: topic<TypingChanged>('federation.event.typing.*', 'federation', 'gateway', 'federation'),
  presence: topic<RemotePresence>('federation.event.presence', 'federation', 'gateway', 'federation'),
  presenceWanted: topic<PresenceWanted>('federation.event.presence-wanted', 'federation', 'gateway'),
  /** No instance has had a link to the node for a while, or it may not be heard any longer: nobody knows who is there. */
  nodeGone: topic<{ node_id: string }>('federation.event.node-gone', 'federation', 'gateway'),
  linkMoved: topic<LinkMoved>('federation.event.link-moved', 'federation', 'federation'),
} as const;
