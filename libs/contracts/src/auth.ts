import type {
  AccountType,
  AuthSuccess,
  ChallengeFrame,
  ClientInfo,
  DeviceEntry,
  MovedTo,
  NodeInfo,
  Preferences,
} from '@dcp/protocol';

/** Where a request came from: for rate limits and audit, never for a decision about identity. */
export interface Origin {
  /** The client's address as the gateway saw it. */
  address: string;
  /** Scheme and authority that the client dialled, `ws(s)://host[:port]`: part of the challenge, so that it cannot be relayed. */
  endpoint: string;
}

/** What a verified token says. Services trust the gateway for it; nobody else may send it. */
export interface Session {
  session_id: string;
  user_id: string;
  /** `dev_…`, or null for the identity key as first device. */
  device: string | null;
  /** `ed25519:` key that the session proved; its messages must be signed by it. */
  key: string;
  account_type: AccountType;
  /** The node's owner and its appointed administrators. */
  admin: boolean;
}

/** The claims of a session token (JWT, EdDSA), beside `iss iat exp`. Times are seconds. */
export interface TokenClaims {
  iss: string;
  sub: string;
  jti: string;
  iat: number;
  exp: number;
  /** Past this the token only buys a refresh. */
  refresh_after: number;
  device: string | null;
  key: string;
  account_type: AccountType;
  admin?: boolean;
}

export interface NodePolicy {
  registration: 'open' | 'invite' | 'approval' | 'closed';
  /** Leading zero bits that `sha256(salt ‖ ":" ‖ user_id ‖ ":" ‖ nonce)` must have; 0: none asked. The salt is signed by the node and lives 10 minutes. */
  proof_of_work: { bits: number; salt: string };
}

export interface RegisterRequest extends Origin {
  identity_file: Record<string, unknown>;
  invite?: string | undefined;
  proof_of_work?: { salt: string; nonce: string } | undefined;
  retrieval_hash?: string | undefined;
  expires_in?: number | undefined;
}

export interface RegisterAnswer {
  user_id: string;
  status: 'active' | 'pending';
  owner: boolean;
  expires?: string;
}

export interface ChallengeRequest extends Origin {
  user_id: string;
  device?: string | undefined;
  client_info?: ClientInfo | undefined;
}

export interface ProofRequest extends Origin {
  challenge: string;
  signature: string;
  public_key: string;
  client_info?: ClientInfo | undefined;
}

export interface SessionSummary {
  id: string;
  device: string | null;
  client_info: ClientInfo | null;
  created: string;
  last_refresh: string;
  expires: string;
  current: boolean;
}

/** A user as others may see him. */
export interface Profile {
  user_id: string;
  public_key: string;
  display_name?: string;
  avatar?: string;
  bio?: string;
  pronouns?: string;
  account_type: AccountType;
  created: string;
  /** The user has moved: signed by both accounts. */
  moved_to?: MovedTo;
}

/** What a gateway needs to know of a user whose socket it holds. */
export interface AccountSettings {
  user_id: string;
  show_online_status: boolean;
  /** §4.2: others may open a DM with this user. */
  allow_direct_messages: boolean;
  blocked_users: string[];
  /** As in the profile. Nobody opens a DM with somebody who has moved: `allow_direct_messages` is false then. */
  moved_to?: MovedTo;
}

/** A JSON Web Key of kind OKP, Ed25519. */
export interface PublicJwk {
  kty: 'OKP';
  crv: 'Ed25519';
  x: string;
  kid: string;
  alg: 'EdDSA';
  use: 'sig';
}

export interface Revocations {
  /** Sessions that ended before their tokens did; `expires` (seconds) is when the entry may be forgotten. */
  sessions: { session_id: string; expires: number }[];
  /** There are more; ask again with this as `after`. One bus message cannot hold all that a large node revokes in eight hours. */
  next?: string;
}

/** `session_ids` are over now. The gateways close their sockets and refuse their tokens. */
export interface SessionsRevoked {
  user_id: string;
  session_ids: string[];
  /** Seconds since the epoch: the last of their tokens is over then. */
  expires: number;
  reason: 'logout' | 'revoked' | 'device_revoked' | 'suspended' | 'removed';
}

export interface InviteSummary {
  code_hash: string;
  created: string;
  expires: string;
  uses_left: number;
}

/** A user's device log and the identity key that signs it; `entries` after the asked `seq`. */
export interface DeviceLog {
  user_id: string;
  public_key: string;
  entries: DeviceEntry[];
  /** The answer was cut for its size: ask again with the last `seq`. */
  has_more: boolean;
  /** The user has moved: signed by both accounts. */
  moved_to?: MovedTo;
}

/** A user's account goes on at another node. */
export interface UserMoved {
  user_id: string;
  moved_to: MovedTo;
}

/** A device log has grown; `hash` is that of the entry `seq`. Or its user has moved (`move`; `device` is empty): it is worth reading again. */
export interface DevicesChanged {
  user_id: string;
  seq: number;
  hash: string;
  action: 'add' | 'revoke' | 'move';
  device: string;
  /** A user of another node: his prekeys and queues are there. */
  remote?: true;
}

export type { AuthSuccess, ChallengeFrame, DeviceEntry, MovedTo, NodeInfo, Preferences };
