import { formatKey, fromBase64, parseKey, toBase64, verifySigned } from '@dcp/crypto';
import { PQ_CAPABILITY, signingInput, type DeviceEntry } from '@dcp/protocol';
import { deviceEntryHash } from '../session/device.js';

/** A device as its user's log certifies it. */
export interface CertifiedDevice {
  id: string;
  name: string;
  /** base64 of the raw keys. */
  signingKey: string;
  exchangeKey: string;
  postQuantum: boolean;
  added: string;
  /** When it was revoked; its older signatures stay good. */
  revoked?: string;
}

/**
 * A user's device log, every entry of it verified: numbered from 1 without a gap, each naming the hash of the one before, signed by the
 * identity key (profile §3). Plain data: it is stored as it is.
 */
export interface VerifiedLog {
  userId: string;
  /** `ed25519:` text. */
  identityKey: string;
  /** Hash of entry 1, 2, … */
  hashes: string[];
  devices: Record<string, CertifiedDevice>;
}

/** Why a log is not believed. `fork`: it does not continue the one that was seen before. */
export type LogFault = 'fork' | 'bad_entry' | 'bad_signature' | 'identity_changed';

export class DeviceLogError extends Error {
  override readonly name = 'DeviceLogError';
  constructor(
    readonly fault: LogFault,
    readonly userId: string,
  ) {
    super(`the device log of ${userId} is not believed: ${fault}`);
  }
}

/** One spelling for a key that may be written in several (profile §1). */
export function normalKey(text: string): string {
  return formatKey('ed25519', parseKey(text).bytes);
}

export function emptyLog(userId: string, identityKey: string): VerifiedLog {
  return { userId, identityKey, hashes: [], devices: {} };
}

/** The log with further entries, checked; the old one stays as it was. Throws DeviceLogError. */
export function extendLog(log: VerifiedLog, entries: readonly DeviceEntry[]): VerifiedLog {
  const longer = { ...log, hashes: [...log.hashes], devices: { ...log.devices } };
  for (const entry of entries) appendEntry(longer, entry);
  return longer;
}

function appendEntry(log: VerifiedLog, entry: DeviceEntry): void {
  const { userId, hashes } = log;
  if (entry.user_id !== userId) throw new DeviceLogError('bad_entry', userId);
  // An entry that is known already may come again; another one in its place is a second log.
  if (entry.seq <= hashes.length) {
    if (deviceEntryHash(entry) === hashes[entry.seq - 1]) return;
    throw new DeviceLogError('fork', userId);
  }
  if (entry.seq !== hashes.length + 1) throw new DeviceLogError('bad_entry', userId);
  if (entry.prev !== (hashes.at(-1) ?? null)) throw new DeviceLogError('fork', userId);
  if (!verifySigned(parseKey(log.identityKey).bytes, signingInput('DEVICE', entry), entry.signature))
    throw new DeviceLogError('bad_signature', userId);
  applyEntry(log, entry);
  hashes.push(deviceEntryHash(entry));
}

/** One entry by itself, whatever came before it: what it certifies, when the identity key signed it. Throws DeviceLogError. */
export function appendedAlone(userId: string, identityKey: string, entry: DeviceEntry): VerifiedLog {
  const before = Array.from({ length: entry.seq - 1 }, () => entry.prev ?? '');
  return extendLog({ ...emptyLog(userId, identityKey), hashes: before }, [entry]);
}

function applyEntry({ userId, devices }: VerifiedLog, entry: DeviceEntry): void {
  const known = devices[entry.device];
  if (entry.action === 'revoke') {
    if (known === undefined || known.revoked !== undefined) throw new DeviceLogError('bad_entry', userId);
    devices[entry.device] = { ...known, revoked: entry.created };
    return;
  }
  if (known !== undefined) throw new DeviceLogError('bad_entry', userId);
  devices[entry.device] = {
    id: entry.device,
    name: entry.name ?? '',
    signingKey: rawKey(userId, entry.signing_key),
    exchangeKey: rawKey(userId, entry.exchange_key),
    postQuantum: entry.capabilities?.includes(PQ_CAPABILITY) ?? false,
    added: entry.created,
  };
}

function rawKey(userId: string, text: string | undefined): string {
  try {
    return toBase64(parseKey(text ?? '').bytes);
  } catch {
    throw new DeviceLogError('bad_entry', userId);
  }
}

export function logHead(log: VerifiedLog): string | null {
  return log.hashes.at(-1) ?? null;
}

export function liveDevices(log: VerifiedLog): CertifiedDevice[] {
  return Object.values(log.devices).filter(({ revoked }) => revoked === undefined);
}

/**
 * The device under whose key something with this time may be believed: one that is in the log, and was not revoked by then. The time
 * is its author's word, so this alone does not stop a thief who dates back: chains and sequence numbers have to.
 */
export function deviceAt(log: VerifiedLog, device: string, timestamp: string): CertifiedDevice | undefined {
  const found = log.devices[device];
  if (found?.revoked !== undefined && Date.parse(timestamp) > Date.parse(found.revoked)) return undefined;
  return found;
}

export function signingKeyOf(device: CertifiedDevice): Uint8Array {
  return fromBase64(device.signingKey);
}
