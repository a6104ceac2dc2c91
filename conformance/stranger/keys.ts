import { createHash, createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign, verify } from 'node:crypto';
import { type Dict, jcs } from './json.js';

/** DER heads (RFC 8410) in front of a raw Ed25519 seed and a raw public key. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/** An Ed25519 key pair and what it signs in the protocol. */
export class Key {
  /** `ed25519:` and the base64 of the 32 raw bytes (profile §1). */
  readonly publicKey: string;
  readonly #private: KeyObject;

  constructor(readonly seed: Buffer = randomBytes(32)) {
    this.#private = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(this.#private).export({ format: 'der', type: 'spki' });
    this.publicKey = `ed25519:${spki.subarray(SPKI.length).toString('base64')}`;
  }

  sign(bytes: Uint8Array): string {
    return `ed25519:${sign(null, bytes, this.#private).toString('base64')}`;
  }

  /** The signature of an object as a whole; for messages see `signMessage`. */
  signObject(type: string, object: object): string {
    return this.sign(objectDigest(type, object));
  }

  signMessage(message: Dict): string {
    return this.sign(objectDigest('MESSAGE', signedView(message)));
  }
}

/** The raw 32 bytes of an `ed25519:` key. */
export function rawKey(publicKey: string): Buffer {
  return Buffer.from(publicKey.replace(/^ed25519:/, ''), 'base64');
}

/** The same key as OpenSSH writes it, which readers accept as well (profile §1). */
export function openSshKey(publicKey: string): string {
  const raw = rawKey(publicKey);
  const name = Buffer.from('ssh-ed25519');
  const length = (n: number) => Buffer.from([0, 0, 0, n]);
  return `ed25519:${Buffer.concat([length(name.length), name, length(raw.length), raw]).toString('base64')}`;
}

/** The specification's `message_hash`: SHA-256("DCP-" + TYPE + "-V1" + 0x00 + JCS(object without `signature`)) (profile §1). */
export function objectDigest(type: string, object: object): Buffer {
  const { signature: _signature, ...signed } = object as { signature?: unknown };
  return createHash('sha256')
    .update(`DCP-${type}-V1\0${jcs(signed)}`)
    .digest();
}

/** A message without what is not signed: the viewer's `channel` and what nodes add (profile §1). */
export function signedView(message: Dict): Dict {
  const { signature: _s, channel: _c, node: _n, function_result: _f, metadata, ...rest } = message;
  if (typeof metadata !== 'object' || metadata === null) return rest;
  const { reactions: _r, edited: _e, ...kept } = metadata as Dict;
  return { ...rest, metadata: kept };
}

export function verifies(publicKey: string | Buffer, bytes: Uint8Array, signature: string): boolean {
  const raw = typeof publicKey === 'string' ? rawKey(publicKey) : publicKey;
  const key = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' });
  return verify(null, bytes, key, Buffer.from(signature.replace(/^ed25519:/, ''), 'base64'));
}
