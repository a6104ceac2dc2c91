import { isError } from '../../errors/is-error.js';

/** The HSM could not do what was asked. Says what it answered, never a PIN or a key. */
export class HsmError extends Error {
  override readonly name = 'HsmError';
}

/** The name of a PKCS#11 answer (`CKR_…`) in whatever the add-on has thrown. */
export function answerOf(thrown: unknown): string {
  const text = isError(thrown) ? thrown.message : '';
  return /\bCKR_[A-Z0-9_]+/.exec(text)?.[0] ?? 'an error without a name';
}
