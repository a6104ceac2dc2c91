import {
  CryptoError,
  deriveMasterKey,
  fromBase64,
  readKdfParameters,
  retrievalKey,
  toBase64,
  type KdfParameters,
} from '@dcp/crypto';
import { DcpError, type IdentityFile } from '@dcp/protocol';
import type { HttpApi } from '../transport/http.js';
import { verifyIdentityFile } from './identity-file.js';

/** As a node prints them. */
interface PrintedParameters {
  kdf: string;
  memory_kib?: number;
  passes?: number;
  salt: string;
}

export interface RetrievalOptions {
  /** The file may be under PBKDF2 (§4.4). Without this word a node that names PBKDF2 gets no key: it could be after the passphrase. */
  allowPbkdf2?: boolean;
}

/**
 * A user's identity file for a new device, by passphrase alone (profile §3): the node tells how the passphrase becomes a key, gets a key that
 * opens nothing, and hands the sealed file out. Throws INVALID_CREDENTIALS for a wrong user or passphrase, RATE_LIMITED after five tries.
 */
export async function fetchIdentityFile(
  http: HttpApi,
  userId: string,
  passphrase: string,
  options: RetrievalOptions = {},
): Promise<IdentityFile> {
  const request = { method: 'POST' as const };
  const asked = { ...request, body: { user_id: userId } };
  const { parameters } = await http.call<{ parameters: PrintedParameters }>('/auth/identity-file', asked);
  const wanted = parametersOf(parameters, options);
  const master = await deriveMasterKey(passphrase, wanted);
  const retrieval_key = toBase64(retrievalKey(master).reveal());
  master.wipe();
  const { identity_file } = await http.call<{ identity_file: unknown }>('/auth/identity-file', {
    ...request,
    body: { user_id: userId, retrieval_key },
  });
  const file = verifyIdentityFile(identity_file);
  if (file.identity.full_id !== userId || !sameParameters(file.encrypted_data, wanted))
    throw new DcpError('INVALID_CREDENTIALS', { reason: 'another_file' });
  return file;
}

function parametersOf({ kdf, memory_kib, passes, salt }: PrintedParameters, options: RetrievalOptions): KdfParameters {
  if (kdf === 'argon2id' && memory_kib !== undefined && passes !== undefined)
    return { kdf, cost: { memoryKiB: memory_kib, passes }, salt: fromBase64(salt) };
  if (kdf === 'pbkdf2' && options.allowPbkdf2 === true) return { kdf, salt: fromBase64(salt) };
  throw new CryptoError('unsupported_kdf', 'the node names a weak or unknown way from passphrase to key');
}

/** What was told before the key was sent must be what the file says: else the node has chosen the cost. */
function sameParameters(encryptedData: string, wanted: KdfParameters): boolean {
  const own = readKdfParameters(fromBase64(encryptedData));
  return JSON.stringify(printed(own)) === JSON.stringify(printed(wanted));
}

function printed(parameters: KdfParameters): unknown[] {
  return [parameters.kdf, parameters.kdf === 'argon2id' ? parameters.cost : null, toBase64(parameters.salt)];
}
