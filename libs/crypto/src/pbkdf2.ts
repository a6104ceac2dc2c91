/** PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2) by the platform's Web Cryptography; it runs off the main thread. */

/** §4.4, Appendix A: the number is part of the format. */
export const PBKDF2_ITERATIONS = 100_000;

/** `length` bytes from `password` (bytes, see `passphraseBytes`) and `salt`. */
export async function pbkdf2(
  password: Uint8Array,
  salt: Uint8Array,
  iterations = PBKDF2_ITERATIONS,
  length = 32,
): Promise<Uint8Array> {
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey('raw', new Uint8Array(password), 'PBKDF2', false, ['deriveBits']);
  const algorithm = { name: 'PBKDF2', hash: 'SHA-256', salt: new Uint8Array(salt), iterations };
  return new Uint8Array(await subtle.deriveBits(algorithm, key, length * 8));
}
