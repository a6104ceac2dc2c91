import * as z from 'zod';
import { canonicalJson } from './canonical-json.js';
import { DcpError, invalidFormat } from './errors.js';
import {
  base64Field,
  ed25519KeyField,
  nodeIdField,
  signatureField,
  textUpTo,
  timeField,
  userIdField,
  usernameField,
} from './fields.js';
import { formatUserId } from './names.js';
import { parseWith } from './validation.js';

/** §4.2: an avatar is at most 50 KB of image, measured after decoding. */
export const MAX_AVATAR_BYTES = 50 * 1024;
export const MAX_BIO_CHARACTERS = 500;
/** Keeps one identity file, and what gateways hold of it for each socket, small. */
export const MAX_BLOCKED_USERS = 1_000;

export const ACCOUNT_TYPES = ['standard', 'minimal', 'temporary'] as const;
export const accountTypeField = z.enum(ACCOUNT_TYPES);
export type AccountType = z.infer<typeof accountTypeField>;

const DATA_URL = /^data:image\/(png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/]*(={0,2}|\.\.\.)$/;

const avatarField = z
  .string()
  .max(Math.ceil((MAX_AVATAR_BYTES * 4) / 3) + 64)
  .regex(DATA_URL, { error: 'not a base64 image (data:image/…;base64,…)' })
  .refine((url) => avatarBytes(url) <= MAX_AVATAR_BYTES, { error: `avatar larger than ${MAX_AVATAR_BYTES} bytes` });

function avatarBytes(url: string): number {
  const data = url.slice(url.indexOf(',') + 1);
  const padding = data.endsWith('==') ? 2 : data.endsWith('=') ? 1 : 0;
  return Math.floor((data.length * 3) / 4) - padding;
}

/** The signed part of the file (§4.1). */
export const identitySection = z.looseObject({
  full_id: userIdField,
  home_node_id: nodeIdField,
  username: usernameField,
  display_name: textUpTo(100).optional(),
  public_key: ed25519KeyField,
  created: timeField,
  avatar: avatarField.optional(),
  bio: textUpTo(MAX_BIO_CHARACTERS).optional(),
  pronouns: textUpTo(50).optional(),
  metadata: z
    .looseObject({ timezone: z.string().max(64).optional(), languages: z.array(z.string().max(35)).max(20).optional() })
    .optional(),
});
export type IdentitySection = z.infer<typeof identitySection>;

export const preferencesSection = z.looseObject({
  theme: z.string().max(50).optional(),
  notifications: z
    .looseObject({
      enabled: z.boolean().optional(),
      sound: z.string().max(50).optional(),
      mobile_push: z.boolean().optional(),
    })
    .optional(),
  privacy: z
    .looseObject({
      show_online_status: z.boolean().optional(),
      allow_direct_messages: z.boolean().optional(),
      message_retention: z.string().max(20).optional(),
    })
    .optional(),
  blocked_users: z.array(userIdField).max(MAX_BLOCKED_USERS).optional(),
  aliases: z
    .looseObject({
      users: z.record(z.string().max(100), userIdField).optional(),
      channels: z.record(z.string().max(100), z.string().max(120)).optional(),
    })
    .optional(),
});
export type Preferences = z.infer<typeof preferencesSection>;

const endpointField = z.string().max(300).refine(isWebSocketUrl, { error: 'not a WebSocket URL (wss://…)' });

function isWebSocketUrl(text: string): boolean {
  return /^wss?:\/\//.test(text) && URL.canParse(text);
}

export const homeNodeSection = z.looseObject({
  id: nodeIdField.optional(),
  endpoint: endpointField,
  name: textUpTo(200).optional(),
  joined: timeField.optional(),
});

const fileShape = {
  version: z.string(),
  identity: identitySection,
  preferences: preferencesSection.optional(),
  home_node: homeNodeSection,
  account_type: accountTypeField.optional(),
  signature: signatureField,
};

/** The file as its owner keeps it: all nine required members (§4.2). */
export const identityFileSchema = z.looseObject({ ...fileShape, encrypted_data: base64Field.max(65_536) });
export type IdentityFile = z.infer<typeof identityFileSchema>;

/** The file as a node may get it at registration: its owner may keep `encrypted_data` to himself (profile §3). */
export const registeredIdentitySchema = z.looseObject({
  ...fileShape,
  encrypted_data: base64Field.max(65_536).optional(),
});
export type RegisteredIdentity = z.infer<typeof registeredIdentitySchema>;

/**
 * Checks shape, version and agreement of ids. Throws 9002 for another version, 2000 naming the member for anything else.
 * The signature is checked by whoever holds the crypto library: over `signingInput('IDENTITY', file.identity)`.
 */
export function parseIdentityFile(value: unknown): IdentityFile {
  return checkFile(parseWith(identityFileSchema, checkVersion(value)));
}

/** As `parseIdentityFile`, with `encrypted_data` optional. */
export function parseRegisteredIdentity(value: unknown): RegisteredIdentity {
  return checkFile(parseWith(registeredIdentitySchema, checkVersion(value)));
}

function checkVersion(value: unknown): unknown {
  const version = (value as { version?: unknown } | null)?.version;
  if (typeof version === 'string' && version !== '1.0') {
    throw new DcpError('PROTOCOL_VERSION_MISMATCH', { path: 'version', supported: ['1.0'] });
  }
  return value;
}

function checkFile<T extends RegisteredIdentity>(file: T): T {
  const { identity, home_node: home } = file;
  if (identity.full_id !== formatUserId(identity.home_node_id, identity.username)) {
    throw invalidFormat('full_id is not {home_node_id}.{username}', 'identity.full_id');
  }
  if (home.id !== undefined && home.id !== identity.home_node_id) {
    throw invalidFormat('home_node.id and identity.home_node_id differ', 'home_node.id');
  }
  return file;
}

/** What binds `encrypted_data` to its file (profile §3): swapping the endpoint or the account type breaks the seal. */
export function encryptedDataContext(
  file: Pick<RegisteredIdentity, 'identity' | 'home_node' | 'account_type'>,
): Uint8Array {
  const { identity, home_node, account_type = 'standard' } = file;
  return new TextEncoder().encode(canonicalJson({ identity, home_node, account_type }));
}

/** an endpoint without a path means `/ws/v1`. */
export function webSocketUrl(endpoint: string): string {
  const url = new URL(endpoint);
  if (url.pathname === '' || url.pathname === '/') url.pathname = '/ws/v1';
  return url.href;
}

/** The REST base of the same node: `https://{domain}/api/v1` (§8.1). */
export function restUrl(endpoint: string): string {
  const url = new URL(endpoint);
  return `${url.protocol === 'wss:' ? 'https:' : 'http:'}//${url.host}/api/v1`;
}
