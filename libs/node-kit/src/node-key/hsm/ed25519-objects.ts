/**
 * An Ed25519 key pair as PKCS#11 objects (PKCS#11 3.0 §2.3.5-2.3.10). The add-on has the names of 2.40, which knows no Edwards
 * curves: the numbers are those of the header file of 3.0.
 */
import type * as Addon from 'pkcs11js';

export const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;
export const CKM_EDDSA = 0x1057;
export const CKK_EC_EDWARDS = 0x40;

/** DER of the object identifier 1.3.101.112 (RFC 8410), which names the curve. */
const ED25519 = Buffer.from('06032b6570', 'hex');
/** DER head of an OCTET STRING of 32 bytes, and of a BIT STRING of them: modules differ. */
const OCTETS = Buffer.from('0420', 'hex');
const BITS = Buffer.from('032100', 'hex');

type Constants = Pick<
  typeof Addon,
  | 'CKA_CLASS'
  | 'CKA_KEY_TYPE'
  | 'CKA_LABEL'
  | 'CKA_TOKEN'
  | 'CKA_PRIVATE'
  | 'CKA_SENSITIVE'
  | 'CKA_EXTRACTABLE'
  | 'CKA_SIGN'
  | 'CKA_VERIFY'
  | 'CKA_EC_PARAMS'
  | 'CKA_EC_POINT'
  | 'CKA_VALUE'
  | 'CKO_PRIVATE_KEY'
  | 'CKO_PUBLIC_KEY'
>;

/** What a private key must be to be found: nothing about its bytes. */
export function privateKeyNamed(c: Constants, label: string): Addon.Template {
  return [
    { type: c.CKA_CLASS, value: c.CKO_PRIVATE_KEY },
    { type: c.CKA_KEY_TYPE, value: CKK_EC_EDWARDS },
    { type: c.CKA_LABEL, value: label },
  ];
}

export function publicKeyNamed(c: Constants, label: string): Addon.Template {
  return [
    { type: c.CKA_CLASS, value: c.CKO_PUBLIC_KEY },
    { type: c.CKA_KEY_TYPE, value: CKK_EC_EDWARDS },
    { type: c.CKA_LABEL, value: label },
  ];
}

/** A private key that stays on the token, and cannot be read from it. */
export function newPrivateKey(c: Constants, label: string): Addon.Template {
  return [
    ...privateKeyNamed(c, label),
    { type: c.CKA_TOKEN, value: true },
    { type: c.CKA_PRIVATE, value: true },
    { type: c.CKA_SENSITIVE, value: true },
    { type: c.CKA_EXTRACTABLE, value: false },
    { type: c.CKA_SIGN, value: true },
  ];
}

export function newPublicKey(c: Constants, label: string): Addon.Template {
  return [
    ...publicKeyNamed(c, label),
    { type: c.CKA_TOKEN, value: true },
    { type: c.CKA_VERIFY, value: true },
    { type: c.CKA_EC_PARAMS, value: ED25519 },
  ];
}

/** The private key of a seed, given to the token. The caller wipes `seed`. */
export function givenPrivateKey(c: Constants, label: string, seed: Buffer): Addon.Template {
  return [...newPrivateKey(c, label), { type: c.CKA_EC_PARAMS, value: ED25519 }, { type: c.CKA_VALUE, value: seed }];
}

export function givenPublicKey(c: Constants, label: string, publicKey: Uint8Array): Addon.Template {
  return [...newPublicKey(c, label), { type: c.CKA_EC_POINT, value: Buffer.concat([OCTETS, publicKey]) }];
}

/** The 32 bytes of a public key as modules give them: raw, or in DER. Undefined: it is no Ed25519 key. */
export function pointBytes(value: Buffer): Uint8Array | undefined {
  for (const head of [Buffer.alloc(0), OCTETS, BITS]) {
    const fits = value.length === head.length + 32 && value.subarray(0, head.length).equals(head);
    if (fits) return new Uint8Array(value.subarray(head.length));
  }
  return undefined;
}
