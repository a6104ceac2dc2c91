/**
 * What both ends of a session must agree on before any message of it opens (X3DH §3.3, PQXDH §3.3): a 32-byte digest
 *
 *   SHA-256("DCP-PAIR-AD-V1" 00 | initiator | responder | 00, or 01 and block(the responder's ML-KEM prekey))
 *   party = block(user id) block(device id) block(signing key) block(exchange key)          block = length u16, bytes
 */
import { ByteWriter } from './byte-writer.js';
import { toUtf8 } from './encodings.js';
import type { Party } from './party.js';
import { sha256 } from './sha256.js';

export function associatedData(initiator: Party, responder: Party, kemKey: Uint8Array | undefined): Uint8Array {
  const writer = new ByteWriter().raw(toUtf8('DCP-PAIR-AD-V1\0'));
  for (const { userId, device, signingKey, exchangeKey } of [initiator, responder]) {
    writer.text(userId).text(device).block(signingKey).block(exchangeKey);
  }
  return sha256(writer.optional(kemKey, (key) => writer.block(key)).finish());
}
