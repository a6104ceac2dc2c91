/**
 * The key derivations of the Double Ratchet with header encryption (§4.3, §7.2 of Signal's document):
 *
 *   root' 32 | chain 32 | next header key 32 = HKDF(salt root, DH [| SS], "DCP-RATCHET-ROOT-V1" or "DCP-RATCHET-ROOT-PQ-V1")
 *   message key = HMAC(chain, 01), chain' = HMAC(chain, 02)                                    (sender-key-chain.ts)
 *   body key 32 | body nonce 12 = HKDF(message key, "DCP-RATCHET-BODY-V1")
 *
 * SS is ML-KEM's secret where a step carries one: the new root stays secret while the old root, DH or SS does.
 */
import { open, seal } from './aead.js';
import { toUtf8 } from './encodings.js';
import { hkdf } from './hkdf.js';
import { wipe } from './secret-bytes.js';

export interface RootStep {
  readonly rootKey: Uint8Array;
  readonly chainKey: Uint8Array;
  readonly nextHeaderKey: Uint8Array;
}

const CLASSICAL = toUtf8('DCP-RATCHET-ROOT-V1');
const HYBRID = toUtf8('DCP-RATCHET-ROOT-PQ-V1');
const BODY = toUtf8('DCP-RATCHET-BODY-V1');

/** KDF_RK_HE. `dh` and `kem` are wiped. */
export function rootStep(rootKey: Uint8Array, dh: Uint8Array, kem: Uint8Array | undefined): RootStep {
  const input = Uint8Array.of(...dh, ...(kem ?? []));
  const output = hkdf(input, kem === undefined ? CLASSICAL : HYBRID, 96, rootKey);
  const step = { rootKey: output.slice(0, 32), chainKey: output.slice(32, 64), nextHeaderKey: output.slice(64) };
  for (const secret of [input, dh, output, ...(kem === undefined ? [] : [kem])]) wipe(secret);
  return step;
}

/** ENCRYPT: a message key serves one body, so its nonce may come from the key. */
export function sealBody(messageKey: Uint8Array, plaintext: Uint8Array, authenticated: Uint8Array): Uint8Array {
  return withBodyKey(messageKey, (key, nonce) => seal(key, nonce, plaintext, authenticated));
}

/** DECRYPT. Throws `decryption_failed`. */
export function openBody(messageKey: Uint8Array, body: Uint8Array, authenticated: Uint8Array): Uint8Array {
  return withBodyKey(messageKey, (key, nonce) => open(key, nonce, body, authenticated));
}

function withBodyKey(messageKey: Uint8Array, use: (key: Uint8Array, nonce: Uint8Array) => Uint8Array): Uint8Array {
  const output = hkdf(messageKey, BODY, 44);
  try {
    return use(output.subarray(0, 32), output.subarray(32));
  } finally {
    wipe(output);
  }
}
