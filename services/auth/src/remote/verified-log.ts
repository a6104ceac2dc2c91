import { formatHash, formatKey, parseKey, sha256, toUtf8, verifySigned } from '@dcp/crypto';
import { canonicalJson, DcpError, deviceEntrySchema, parseWith, signingInput, type DeviceEntry } from '@dcp/protocol';
import type { RemoteLog } from './remote-log.store.js';

/** No honest log is longer: a node that hands out a longer one wants to fill this one up. */
const MAX_ENTRIES = 600;

/**
 * A log with what its user's node says follows, checked entry by entry: numbered without a gap, each naming the hash of the one before,
 * signed by the identity key (profile §3). Throws FEDERATION_ERROR for everything else.
 */
export function extended(known: RemoteLog | undefined, userId: string, publicKey: string, more: unknown[]): RemoteLog {
  const key = identityKey(userId, publicKey);
  if (known !== undefined && known.publicKey !== key) throw unbelievable(userId, 'identity_changed');
  const entries = [...(known?.entries ?? [])];
  let headHash = known?.headHash ?? null;
  for (const value of more) {
    const entry = parseWith(deviceEntrySchema, value);
    // One that came twice, since two questions were under way.
    if (entry.seq <= entries.length && hashOf(entry) === hashOf(entries[entry.seq - 1] as DeviceEntry)) continue;
    if (entries.length >= MAX_ENTRIES) throw unbelievable(userId, 'too_long');
    if (entry.user_id !== userId || entry.seq !== entries.length + 1) throw unbelievable(userId, 'bad_entry');
    if (entry.prev !== headHash) throw unbelievable(userId, 'fork');
    if (!verifySigned(parseKey(key).bytes, signingInput('DEVICE', entry), entry.signature))
      throw unbelievable(userId, 'bad_signature');
    entries.push(entry);
    headHash = hashOf(entry);
  }
  const movedTo = known?.movedTo ?? null;
  return { userId, publicKey: key, entries, head: entries.length, headHash, fetchedAt: new Date(0), movedTo };
}

function identityKey(userId: string, text: string): string {
  try {
    const key = parseKey(text);
    if (key.algorithm === 'ed25519') return formatKey('ed25519', key.bytes);
  } catch {
    // Told below.
  }
  throw unbelievable(userId, 'bad_key');
}

function hashOf(entry: DeviceEntry): string {
  return formatHash(sha256(toUtf8(canonicalJson(entry))));
}

function unbelievable(userId: string, fault: string): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason: 'device_log', fault, user_id: userId });
}
