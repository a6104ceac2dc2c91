import { randomBytes } from 'node:crypto';
import type { Dict } from './json.js';
import { Key } from './keys.js';

/** §4.1. */
export interface IdentityFile extends Dict {
  version: string;
  identity: Dict & { full_id: string; home_node_id: string; username: string; public_key: string; created: string };
  preferences?: Dict;
  home_node: Dict & { endpoint: string };
  account_type?: string;
  encrypted_data?: string;
  signature: string;
}

/** Where the identity will live: the node's id and the endpoint that clients dial. */
export interface Home {
  nodeId: string;
  endpoint: string;
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** `[a-z0-9]`, for names that no other test has. */
export function randomName(length: number): string {
  return Array.from(randomBytes(length), (byte) => LETTERS[byte % LETTERS.length]).join('');
}

/** What a test wants to be special about its identity; the rest is the least that §4.2 asks for. */
export interface IdentityWish {
  username?: string;
  /** More members of the identity section. */
  identity?: Dict;
  preferences?: Dict;
  accountType?: string;
}

export function newIdentityFile(home: Home, key: Key, wish: IdentityWish = {}): IdentityFile {
  const username = wish.username ?? `alice-${randomName(10)}`;
  const file = {
    version: '1.0',
    identity: {
      full_id: `${home.nodeId}.${username}`,
      home_node_id: home.nodeId,
      username,
      public_key: key.publicKey,
      created: new Date().toISOString(),
      ...wish.identity,
    },
    ...(wish.preferences === undefined ? {} : { preferences: wish.preferences }),
    home_node: { id: home.nodeId, endpoint: home.endpoint },
    account_type: wish.accountType ?? 'standard',
    signature: '',
  };
  return signIdentity(file, key);
}

/** Signs the identity section anew (§4.2: "Ed25519 signature of the identity section"). */
export function signIdentity<T extends { identity: unknown; signature?: string }>(file: T, key: Key): T {
  return { ...file, signature: key.signObject('IDENTITY', file.identity as object) };
}
