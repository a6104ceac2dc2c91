import {
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';

/** DER heads (RFC 8410, FIPS 203 with RFC 9935) in front of raw keys. */
const X25519_PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const X25519_SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const KEM_SPKI = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex');
/** The private key as its seed of 64 bytes. */
const KEM_PKCS8 = Buffer.from('3054020100300b060960864801650304040204428040', 'hex');

/** An X25519 key pair. */
export class ExchangeKey {
  readonly raw: Buffer;
  /** `x25519:` and the base64 of the 32 raw bytes. */
  readonly publicKey: string;
  readonly #private: KeyObject;

  constructor(secret: Buffer = randomBytes(32)) {
    this.#private = createPrivateKey({ key: Buffer.concat([X25519_PKCS8, secret]), format: 'der', type: 'pkcs8' });
    this.raw = createPublicKey(this.#private).export({ format: 'der', type: 'spki' }).subarray(X25519_SPKI.length);
    this.publicKey = `x25519:${this.raw.toString('base64')}`;
  }

  /** The shared secret with a raw public key; throws for low-order points, as OpenSSL does. */
  agree(other: Buffer): Buffer {
    const publicKey = createPublicKey({ key: Buffer.concat([X25519_SPKI, other]), format: 'der', type: 'spki' });
    return diffieHellman({ privateKey: this.#private, publicKey });
  }
}

/** An ML-KEM-768 key pair. */
export class KemKey {
  readonly raw: Buffer;
  /** `ml-kem-768:` and the base64 of the 1,184 raw bytes. */
  readonly publicKey: string;
  readonly #private: KeyObject;

  /** `seed`: d ‖ z, 64 bytes. */
  constructor(seed?: Buffer) {
    this.#private = seed === undefined ? generateKeyPairSync('ml-kem-768').privateKey : kemFromSeed(seed);
    this.raw = createPublicKey(this.#private).export({ format: 'der', type: 'spki' }).subarray(KEM_SPKI.length);
    this.publicKey = `ml-kem-768:${this.raw.toString('base64')}`;
  }

  open(ciphertext: Buffer): Buffer {
    return decapsulate(this.#private, ciphertext);
  }
}

function kemFromSeed(seed: Buffer): KeyObject {
  return createPrivateKey({ key: Buffer.concat([KEM_PKCS8, seed]), format: 'der', type: 'pkcs8' });
}

export function kemPublicKey(raw: Buffer): KeyObject {
  return createPublicKey({ key: Buffer.concat([KEM_SPKI, raw]), format: 'der', type: 'spki' });
}
