import {
  formatHash,
  formatKey,
  fromBase64,
  generateEd25519KeyPair,
  generateX25519KeyPair,
  ed25519PublicKey,
  randomBytes,
  SecretBytes,
  sha256,
  signDigest,
  toBase32,
  toBase64,
  toUtf8,
} from '@dcp/crypto';
import { canonicalJson, PQ_CAPABILITY, signingInput, type DeviceEntry } from '@dcp/protocol';
import { deriveBackupKey } from '../e2ee/storage-key.js';
import type { OpenIdentity } from '../identity/identity-file.js';

/** A device's own keys: one signs challenges and messages, the other agrees on keys. */
export interface Device {
  id: string;
  userId: string;
  seed: SecretBytes;
  exchangeKey: SecretBytes;
  /** Opens the user's sealed backup; made from the identity key when the device was added. */
  backupKey?: SecretBytes | undefined;
  /** The entry that added it to the log. */
  certificate?: DeviceEntry | undefined;
}

/** A device as it is stored; holds private keys, so it belongs in a place that only its user reads. */
export interface StoredDevice {
  id: string;
  user_id: string;
  signing_seed: string;
  exchange_key: string;
  backup_key?: string;
  certificate?: DeviceEntry;
}

/** New keys and the certificate that adds them to the user's device log (TYPE DEVICE, signed by the identity key). */
export function newDevice(
  identity: OpenIdentity,
  head: DeviceEntry | undefined,
  name: string,
): { device: Device; entry: DeviceEntry } {
  const userId = identity.file.identity.full_id;
  const signing = generateEd25519KeyPair();
  const exchange = generateX25519KeyPair();
  const id = `dev_${toBase32(randomBytes(10))}`;
  const entry = {
    user_id: userId,
    seq: (head?.seq ?? 0) + 1,
    prev: head === undefined ? null : deviceEntryHash(head),
    action: 'add' as const,
    device: id,
    name,
    signing_key: formatKey('ed25519', signing.publicKey),
    exchange_key: formatKey('x25519', exchange.publicKey),
    capabilities: ['text', PQ_CAPABILITY],
    created: new Date().toISOString(),
  };
  const certificate = signEntry(identity, entry);
  const backupKey = deriveBackupKey(identity.seed);
  const device = { id, userId, seed: signing.seed, exchangeKey: exchange.privateKey, backupKey, certificate };
  return { device, entry: certificate };
}

/** The entry that takes a device out of the log for good. */
export function revocationOf(identity: OpenIdentity, head: DeviceEntry, device: string): DeviceEntry {
  return signEntry(identity, {
    user_id: identity.file.identity.full_id,
    seq: head.seq + 1,
    prev: deviceEntryHash(head),
    action: 'revoke' as const,
    device,
    created: new Date().toISOString(),
  });
}

function signEntry<T extends object>(identity: OpenIdentity, entry: T): T & { signature: string } {
  return { ...entry, signature: signDigest(identity.seed, signingInput('DEVICE', entry)) };
}

/** What the next entry names in `prev`: SHA-256 over the JCS form of the whole entry, signature included. */
export function deviceEntryHash(entry: DeviceEntry): string {
  return formatHash(sha256(toUtf8(canonicalJson(entry))));
}

export function storeDevice(device: Device): StoredDevice {
  return {
    id: device.id,
    user_id: device.userId,
    signing_seed: toBase64(device.seed.reveal()),
    exchange_key: toBase64(device.exchangeKey.reveal()),
    ...(device.certificate === undefined ? {} : { certificate: device.certificate }),
    ...(device.backupKey === undefined ? {} : { backup_key: toBase64(device.backupKey.reveal()) }),
  };
}

export function restoreDevice(stored: StoredDevice): Device {
  return {
    id: stored.id,
    userId: stored.user_id,
    seed: new SecretBytes(fromBase64(stored.signing_seed)),
    exchangeKey: new SecretBytes(fromBase64(stored.exchange_key)),
    ...(stored.certificate === undefined ? {} : { certificate: stored.certificate }),
    ...(stored.backup_key === undefined ? {} : { backupKey: new SecretBytes(fromBase64(stored.backup_key)) }),
  };
}

/** `ed25519:` text of the device's signing key. */
export function deviceKey(device: Device): string {
  return formatKey('ed25519', ed25519PublicKey(device.seed));
}
