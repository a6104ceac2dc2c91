import { requireLength } from './crypto-error.js';
import { toUtf8 } from './encodings.js';
import { hkdfExpand } from './hkdf.js';
import { hmacSha256 } from './hmac.js';
import { revealed, type Secret, SecretBytes } from './secret-bytes.js';

const NO_SALT = new Uint8Array(0);

/**
 * What every secret of a node but its Ed25519 key is made from: the pseudo-random key of HKDF (RFC 5869 §2.2) over its seed. One way
 * only: the seed does not follow from it, so it may be kept where the Ed25519 key must not be.
 */
export class NodeRoot {
  readonly secret: SecretBytes;

  /** 32 bytes, which are kept and not copied. Throws `invalid_length`. */
  constructor(bytes: Uint8Array) {
    requireLength(bytes, 32, "a node's root");
    this.secret = new SecretBytes(bytes);
  }

  /** The root of a node whose Ed25519 key is this 32-byte seed. Throws `invalid_length`. */
  static ofSeed(seed: Secret): NodeRoot {
    const bytes = revealed(seed);
    requireLength(bytes, 32, "a node's seed");
    return new NodeRoot(hmacSha256(NO_SALT, bytes));
  }

  /** `length` bytes (32 by default) for the purpose that `label` names: what `hkdf(seed, label)` gives. */
  derive(label: string, length = 32): Uint8Array {
    return hkdfExpand(this.secret.reveal(), toUtf8(label), length);
  }
}

/** The root, of a seed or as it is. */
export function nodeRoot(of: Uint8Array | NodeRoot): NodeRoot {
  return of instanceof NodeRoot ? of : NodeRoot.ofSeed(of);
}
