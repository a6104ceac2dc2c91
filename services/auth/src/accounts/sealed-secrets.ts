import { fromBase64, type KdfParameters, readKdfParameters } from '@dcp/crypto';
import { encryptedDataContext, type RegisteredIdentity } from '@dcp/protocol';
import type { Account } from './account.store.js';

type Sealed = Pick<Account, 'encryptedData' | 'retrievalHash'>;

/**
 * What is kept of the sealed secrets when a file changes. They are sealed to identity, home node and account type, so a file that
 * leaves them out keeps them only where these are the same; the retrieval key is made from their salt, so its hash stays only with
 * that salt: an old passphrase must not fetch what is sealed under a new one.
 */
export function sealedSecrets(file: RegisteredIdentity, hash: Uint8Array | null, known: Account): Sealed {
  const encryptedData = file.encrypted_data ?? (isSealedTo(file, known) ? known.encryptedData : null);
  if (encryptedData === null) return { encryptedData, retrievalHash: null };
  const kept = encryptedData === known.encryptedData || hasSameKdf(encryptedData, known.encryptedData);
  return { encryptedData, retrievalHash: hash ?? (kept ? known.retrievalHash : null) };
}

/** Undefined where nothing is sealed, or not in a form that we know. */
export function kdfParametersOf(encryptedData: string | null): KdfParameters | undefined {
  try {
    return encryptedData === null ? undefined : readKdfParameters(fromBase64(encryptedData));
  } catch {
    return undefined;
  }
}

function isSealedTo({ identity, home_node }: RegisteredIdentity, known: Account): boolean {
  const { accountType: account_type } = known;
  const before = encryptedDataContext({
    identity: known.identity,
    home_node: known.homeNode,
    account_type,
  });
  return Buffer.compare(before, encryptedDataContext({ identity, home_node, account_type })) === 0;
}

function hasSameKdf(encryptedData: string, before: string | null): boolean {
  const [now, then] = [kdfParametersOf(encryptedData), kdfParametersOf(before)];
  if (now === undefined || then === undefined || now.kdf !== then.kdf) return false;
  return Buffer.compare(now.salt, then.salt) === 0 && costOf(now) === costOf(then);
}

function costOf(parameters: KdfParameters): string {
  return parameters.kdf === 'pbkdf2' ? '' : `${parameters.cost.memoryKiB} ${parameters.cost.passes}`;
}
