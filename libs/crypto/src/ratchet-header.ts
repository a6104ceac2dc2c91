/**
 * The header of a ratchet message and its encryption (Double Ratchet §4):
 *
 *   ratchet key 32 | previous count u32 | n u32 | 0, 1 and ML-KEM public key 1184, or 2 and ML-KEM ciphertext 1088
 *   sealed: nonce 24 | XChaCha20-Poly1305 under the chain's header key, the associated data authenticated
 *
 * A header key seals every header of a chain, so its nonces are random and long. Encrypted headers hide from a node which
 * messages belong together, which chain they are of and how many were lost.
 */
import { ByteReader, malformed } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import { ML_KEM_CIPHERTEXT_BYTES, ML_KEM_PUBLIC_BYTES } from './ml-kem-768.js';
import { randomBytes } from './random.js';
import { libsodium } from './sodium.js';

/** The post-quantum part of a chain: a key to encapsulate to, or the answer to the other side's. */
export type KemPart =
  | { readonly kind: 'none' }
  | { readonly kind: 'publicKey'; readonly bytes: Uint8Array }
  | { readonly kind: 'ciphertext'; readonly bytes: Uint8Array };

export interface RatchetHeader {
  readonly ratchetKey: Uint8Array;
  /** How many messages the sender's previous chain had. */
  readonly previousCount: number;
  readonly n: number;
  readonly kem: KemPart;
}

const NONCE_BYTES = 24;
const KINDS = ['none', 'publicKey', 'ciphertext'] as const;

export function sealHeader(headerKey: Uint8Array, header: RatchetHeader, associated: Uint8Array): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const plain = writeHeader(header);
  const sealed = libsodium().crypto_aead_xchacha20poly1305_ietf_encrypt(plain, associated, null, nonce, headerKey);
  return new ByteWriter().raw(nonce).raw(sealed).finish();
}

/** `undefined` if it was not sealed under this key. Throws `malformed` for an authentic header of another form. */
export function openHeader(
  headerKey: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): RatchetHeader | undefined {
  const sodium = libsodium();
  const [nonce, body] = [sealed.subarray(0, NONCE_BYTES), sealed.subarray(NONCE_BYTES)];
  let plain: Uint8Array;
  try {
    plain = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, body, associated, nonce, headerKey);
  } catch {
    return undefined;
  }
  return readHeader(plain);
}

export function writeHeader({ ratchetKey, previousCount, n, kem }: RatchetHeader): Uint8Array {
  const writer = new ByteWriter().raw(ratchetKey).u32(previousCount).u32(n).u8(KINDS.indexOf(kem.kind));
  if (kem.kind !== 'none') writer.raw(kem.bytes);
  return writer.finish();
}

/** Throws `malformed`. */
export function readHeader(bytes: Uint8Array): RatchetHeader {
  const reader = new ByteReader(bytes);
  const ratchetKey = reader.raw(32);
  const [previousCount, n] = [reader.u32(), reader.u32()];
  const kem = readKemPart(reader);
  reader.end();
  return { ratchetKey, previousCount, n, kem };
}

function readKemPart(reader: ByteReader): KemPart {
  const kind = KINDS[reader.u8()];
  if (kind === undefined) throw malformed();
  if (kind === 'none') return { kind };
  return { kind, bytes: reader.raw(kind === 'publicKey' ? ML_KEM_PUBLIC_BYTES : ML_KEM_CIPHERTEXT_BYTES) };
}
