/** What can go wrong here. The words are stable: callers map them to the error table of §14.2. */
export type CryptoErrorCode =
  | 'not_ready'
  | 'invalid_encoding'
  | 'invalid_length'
  | 'invalid_key'
  | 'invalid_signature'
  | 'invalid_hash'
  | 'invalid_passphrase'
  | 'decryption_failed'
  | 'wrong_passphrase'
  | 'malformed_blob'
  | 'unsupported_kdf'
  | 'kdf_out_of_bounds'
  | 'out_of_memory'
  | 'secret_wiped'
  | 'malformed'
  | 'too_large'
  | 'expired'
  | 'replayed'
  | 'too_old'
  | 'too_many_skipped'
  | 'downgrade'
  | 'unknown_prekey';

/**
 * The only exception of this package. Neither message nor cause ever holds key material, a passphrase, a plaintext or
 * the refused input, so it may be logged as it is.
 */
export class CryptoError extends Error {
  override readonly name = 'CryptoError';

  constructor(
    readonly code: CryptoErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/** Throws `invalid_length` unless `bytes` has exactly `length` bytes; `what` names the field, never its content. */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new CryptoError('invalid_length', `${what} must have ${length} bytes`);
}
