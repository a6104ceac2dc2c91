import type { RegisterAnswer, RegisterRequest, Session, TokenClaims } from '@dcp/contracts';
import { AUTH } from '@dcp/contracts';
import {
  formatHash,
  formatKey,
  formatSignature,
  fromBase64,
  fromUtf8,
  generateEd25519KeyPair,
  generateX25519KeyPair,
  randomBytes,
  type SecretBytes,
  sha256,
  sign,
  signDigest,
  toBase32,
  toUtf8,
} from '@dcp/crypto';
import { type AuthSuccess, canonicalJson, type DeviceEntry, signingInput } from '@dcp/protocol';
import { ORIGIN, type World } from './world.js';

export interface KeyPair {
  publicKey: string;
  seed: SecretBytes;
}

export interface Device extends KeyPair {
  id: string;
}

/** The file of §4.1 as its owner signs it. */
export type File = Record<string, unknown> & { identity: Record<string, unknown>; signature: string };

/** A user with an identity key of his own, as his client would act. */
export interface Person {
  userId: string;
  key: KeyPair;
  file: File;
}

let drawn = 0;

export function keyPair(): KeyPair {
  const { publicKey, seed } = generateEd25519KeyPair();
  return { publicKey: formatKey('ed25519', publicKey), seed };
}

/** A new user of the world's node, not registered yet; `file` and `identity` are put over the least that is required. */
export function person(world: World, changes: { file?: object; identity?: object; name?: string } = {}): Person {
  const username = changes.name ?? `user-${String(++drawn)}`;
  const key = keyPair();
  const identity = {
    full_id: `${world.nodeId}.${username}`,
    home_node_id: world.nodeId,
    username,
    public_key: key.publicKey,
    created: '2025-09-06T10:30:00Z',
    ...changes.identity,
  };
  const file = { version: '1.0', identity, home_node: { endpoint: ORIGIN.endpoint }, ...changes.file };
  return { userId: identity.full_id, key, file: signed(key, file) };
}

/** Signs the identity section (§4.2). */
export function signed(key: KeyPair, file: Record<string, unknown> & { identity: Record<string, unknown> }): File {
  return { ...file, signature: signDigest(key.seed, signingInput('IDENTITY', file.identity)) };
}

export function register(
  world: World,
  { file }: Pick<Person, 'file'>,
  more: Partial<RegisterRequest> = {},
): Promise<RegisterAnswer> {
  return world.bus.request(AUTH.register, { ...ORIGIN, identity_file: file, ...more });
}

/** A new user who is registered. */
export async function resident(world: World, changes: Parameters<typeof person>[1] = {}): Promise<Person> {
  const someone = person(world, changes);
  await register(world, someone);
  return someone;
}

export interface Proof {
  challenge: string;
  signature: string;
  public_key: string;
}

/** A fresh challenge, answered with the key of the identity or of a device. */
export async function proofOf(world: World, { userId, key }: Person, device?: Device): Promise<Proof> {
  const { challenge } = await world.bus.request(AUTH.challenge, { ...ORIGIN, user_id: userId, device: device?.id });
  return answer(challenge, device ?? key);
}

export function answer(challenge: string, { seed, publicKey: public_key }: KeyPair): Proof {
  return { challenge, signature: formatSignature(sign(seed, fromBase64(challenge))), public_key };
}

export function prove(world: World, proof: Proof, origin: Partial<typeof ORIGIN> = {}): Promise<AuthSuccess> {
  return world.bus.request(AUTH.proof, { ...ORIGIN, ...origin, ...proof });
}

export async function login(world: World, someone: Person, device?: Device): Promise<AuthSuccess> {
  return prove(world, await proofOf(world, someone, device));
}

export function claimsOf({ session_token }: AuthSuccess): TokenClaims {
  return JSON.parse(fromUtf8(fromBase64(session_token.split('.')[1] ?? ''))) as TokenClaims;
}

/** What a gateway makes of a token. */
export function sessionOf(success: AuthSuccess): Session {
  const { jti, sub, device, key, account_type, admin } = claimsOf(success);
  return { session_id: jti, user_id: sub, device, key, account_type, admin: admin === true };
}

export async function sessionFor(world: World, someone: Person, device?: Device): Promise<Session> {
  return sessionOf(await login(world, someone, device));
}

/** The next entry of a device log, signed by the identity key (profile §3). */
export function deviceEntry(
  { userId, key }: Person,
  head: DeviceEntry | undefined,
  entry: Partial<DeviceEntry> & Pick<DeviceEntry, 'action' | 'device'>,
): DeviceEntry {
  const unsigned = {
    user_id: userId,
    seq: (head?.seq ?? 0) + 1,
    prev: head === undefined ? null : hashOf(head),
    created: '2026-01-01T00:00:00.000Z',
    ...entry,
  };
  return { ...unsigned, signature: signDigest(key.seed, signingInput('DEVICE', unsigned)) };
}

export function hashOf(entry: DeviceEntry): string {
  return formatHash(sha256(toUtf8(canonicalJson(entry))));
}

export function newDevice(): Device {
  return { id: `dev_${toBase32(randomBytes(10))}`, ...keyPair() };
}

export function addition(someone: Person, head: DeviceEntry | undefined, device: Device): DeviceEntry {
  return deviceEntry(someone, head, {
    action: 'add',
    device: device.id,
    name: 'Laptop',
    signing_key: device.publicKey,
    exchange_key: formatKey('x25519', generateX25519KeyPair().publicKey),
    capabilities: ['text'],
  });
}

export function revocation(someone: Person, head: DeviceEntry, device: string): DeviceEntry {
  return deviceEntry(someone, head, { action: 'revoke', device });
}

/** A device in the log of a registered user. */
export async function addDevice(world: World, someone: Person, session: Session): Promise<Device> {
  const { entries } = await world.bus.request(AUTH.devices, { user_id: someone.userId });
  const device = newDevice();
  await world.bus.request(AUTH.appendDevice, { session, entry: addition(someone, entries.at(-1), device) });
  return device;
}
