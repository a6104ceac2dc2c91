import { hkdf, SecretBytes, toUtf8 } from '@dcp/crypto';

/** What a device keeps is sealed under a key of its own: HKDF of its signing seed, label `DCP-STORAGE-V1`. */
export function deriveStorageKey(signingSeed: SecretBytes): SecretBytes {
  return new SecretBytes(hkdf(signingSeed, toUtf8('DCP-STORAGE-V1')));
}

/** The backup's key: HKDF of the identity key's seed, label `DCP-BACKUP-V1`. Whoever opens the identity file has it. */
export function deriveBackupKey(identitySeed: SecretBytes): SecretBytes {
  return new SecretBytes(hkdf(identitySeed, toUtf8('DCP-BACKUP-V1')));
}
