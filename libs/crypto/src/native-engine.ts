/**
 * The engine of a server: OpenSSL's SHA-256 from Node, and libsodium as native code for Ed25519 where its prebuilt
 * binary loads.
 */
import { hash } from 'node:crypto';
import { type Engine, wasmEngine } from './engine.js';
import { wipe } from './secret-bytes.js';

type SodiumNative = (typeof import('sodium-native'))['default'];

/** Native Ed25519 if this platform has it, else WASM; SHA-256 from Node either way. */
export async function nodeEngine(): Promise<Engine> {
  const sodium = await loadSodiumNative();
  return { ...wasmEngine, sha256, ...(sodium === undefined ? {} : nativeEd25519(sodium)) };
}

async function loadSodiumNative(): Promise<SodiumNative | undefined> {
  try {
    return (await import('sodium-native')).default;
  } catch {
    // An optional dependency: not installed, or no prebuilt binary for this platform (musl, for one).
    return undefined;
  }
}

function sha256(data: Uint8Array): Uint8Array {
  // A plain Uint8Array as from WASM: a Buffer prints and serialises differently.
  return new Uint8Array(hash('sha256', data, 'buffer'));
}

function nativeEd25519(sodium: SodiumNative): Pick<Engine, 'ed25519' | 'publicKey' | 'sign' | 'verify'> {
  const withPrivateKey = (seed: Uint8Array, use: (privateKey: Uint8Array, publicKey: Uint8Array) => Uint8Array) => {
    const publicKey = new Uint8Array(32);
    const privateKey = new Uint8Array(64);
    sodium.crypto_sign_seed_keypair(publicKey, privateKey, seed);
    const result = use(privateKey, publicKey);
    wipe(privateKey);
    return result;
  };
  return {
    ed25519: 'native',
    publicKey: (seed) => withPrivateKey(seed, (_, publicKey) => publicKey),
    sign: (seed, message) =>
      withPrivateKey(seed, (privateKey) => {
        const signature = new Uint8Array(64);
        sodium.crypto_sign_detached(signature, message, privateKey);
        return signature;
      }),
    verify: (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
  };
}
