/**
 * From the shared secrets of a handshake to the first keys of a session.
 *
 *   SK = HKDF(FF × 32 | DH1 | DH2 | DH3 [| DH4] [| SS], info)                        X3DH §2.2 and §3.3, PQXDH §3.3
 *   info = "DCP-PAIR-V1_CURVE25519_SHA-256" for X3DH, and "_ML-KEM-768" after it for PQXDH
 *   root 32 | header key of the initiator 32 | next header key of the responder 32 | session id 16
 *      = HKDF(SK, "DCP-PAIR-KEYS-V1" 00 | associated data)
 *
 * SS is the secret of ML-KEM: SK stays secret while either the DH secrets or SS do. The salt is HKDF's empty one, which
 * is the documents' 32 zeros.
 */
import { toHex, toUtf8 } from './encodings.js';
import { hkdf } from './hkdf.js';
import { wipe } from './secret-bytes.js';

export interface HandshakeSecrets {
  /** DH1 to DH3 or DH4. */
  readonly dh: readonly Uint8Array[];
  readonly kem: Uint8Array | undefined;
}

export interface HandshakeKeys {
  readonly rootKey: Uint8Array;
  readonly initiatorHeaderKey: Uint8Array;
  readonly responderNextHeaderKey: Uint8Array;
  /** 32 hex characters; public. */
  readonly sessionId: string;
}

const CLASSICAL = 'DCP-PAIR-V1_CURVE25519_SHA-256';
const HYBRID = `${CLASSICAL}_ML-KEM-768`;
const PREFIX = new Uint8Array(32).fill(0xff);

/** The first keys. The secrets are wiped. */
export function handshakeKeys(secrets: HandshakeSecrets, associated: Uint8Array): HandshakeKeys {
  const { dh, kem } = secrets;
  const input = joined([PREFIX, ...dh, ...(kem === undefined ? [] : [kem])]);
  const shared = hkdf(input, toUtf8(kem === undefined ? CLASSICAL : HYBRID));
  const output = hkdf(shared, joined([toUtf8('DCP-PAIR-KEYS-V1\0'), associated]), 112);
  const keys = {
    rootKey: output.slice(0, 32),
    initiatorHeaderKey: output.slice(32, 64),
    responderNextHeaderKey: output.slice(64, 96),
    sessionId: toHex(output.subarray(96)),
  };
  for (const secret of [...dh, ...(kem === undefined ? [] : [kem]), input, shared, output]) wipe(secret);
  return keys;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
