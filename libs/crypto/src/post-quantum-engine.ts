/**
 * Which code does ML-KEM and ML-DSA: noble's JavaScript everywhere, OpenSSL on Node where it has them
 * (native-post-quantum.ts). Apart from engine.ts, so that a bundle without post-quantum keys carries none of it. Callers
 * have checked all lengths.
 */
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { randomBytes } from './random.js';
import { wipe } from './secret-bytes.js';

export interface Encapsulation {
  readonly ciphertext: Uint8Array;
  /** 32 bytes; secret. */
  readonly sharedSecret: Uint8Array;
}

export interface PostQuantumEngine {
  readonly name: 'javascript' | 'native';
  /** FIPS 203: the encapsulation key of a 64-byte seed d ‖ z. */
  mlKemPublicKey(seed: Uint8Array): Uint8Array;
  mlKemEncapsulate(publicKey: Uint8Array): Encapsulation;
  mlKemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array;
  /** FIPS 204: the public key of a 32-byte seed ξ. */
  mlDsaPublicKey(seed: Uint8Array): Uint8Array;
  mlDsaSign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  mlDsaVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

export const javaScriptPostQuantum: PostQuantumEngine = {
  name: 'javascript',
  mlKemPublicKey: (seed) => withKemKey(seed, (_, publicKey) => publicKey),
  mlKemEncapsulate: (publicKey) => {
    const message = randomBytes(32);
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey, message);
    wipe(message);
    return { ciphertext: cipherText, sharedSecret };
  },
  mlKemDecapsulate: (seed, ciphertext) => withKemKey(seed, (secretKey) => ml_kem768.decapsulate(ciphertext, secretKey)),
  mlDsaPublicKey: (seed) => withDsaKey(seed, (_, publicKey) => publicKey),
  mlDsaSign: (seed, message) =>
    withDsaKey(seed, (secretKey) => ml_dsa65.sign(message, secretKey, { extraEntropy: randomBytes(32) })),
  mlDsaVerify: (publicKey, message, signature) => ml_dsa65.verify(signature, message, publicKey),
};

let current: PostQuantumEngine = javaScriptPostQuantum;

export function postQuantum(): PostQuantumEngine {
  return current;
}

export function usePostQuantum(chosen: PostQuantumEngine): void {
  current = chosen;
}

type UseKey = (secretKey: Uint8Array, publicKey: Uint8Array) => Uint8Array;

function withKemKey(seed: Uint8Array, use: UseKey): Uint8Array {
  const { secretKey, publicKey } = ml_kem768.keygen(seed);
  const result = use(secretKey, publicKey);
  wipe(secretKey);
  return result;
}

function withDsaKey(seed: Uint8Array, use: UseKey): Uint8Array {
  const { secretKey, publicKey } = ml_dsa65.keygen(seed);
  const result = use(secretKey, publicKey);
  wipe(secretKey);
  return result;
}
