import { CryptoError, parseKey, verifySigned } from '@dcp/crypto';
import { DcpError, type KeyRotation, nodeDocument, type NodeDocument, parseWith, signingInput } from '@dcp/protocol';

/** 3001 with a stable word for what was wrong. */
export function untrue(reason: string, details: Record<string, unknown> = {}): DcpError {
  return new DcpError('FEDERATION_ERROR', { reason, ...details });
}

/** The raw 32 bytes; 3001 `malformed_key` for what is none. */
export function keyBytes(text: string): Uint8Array {
  try {
    return parseKey(text).bytes;
  } catch (error) {
    if (error instanceof CryptoError) throw untrue('malformed_key');
    throw error;
  }
}

/** A document that its own first key has signed (TYPE NODE). Throws 2000 for a malformed one, 3001 `document_signature`. */
export function checkDocument(value: unknown): NodeDocument {
  const document = parseWith(nodeDocument, value);
  // What was signed is what came, members that this version does not know included.
  const signed = signingInput('NODE', value as object);
  if (!verifySigned(keyBytes(firstKey(document)), signed, document.signature)) throw untrue('document_signature');
  return document;
}

export function firstKey({ keys }: NodeDocument): string {
  return keys[0] ?? '';
}

/** Whether the document leads from the pinned key to its present one: each step is signed by the key before it. */
export function leadsFrom(pinned: string, document: NodeDocument): boolean {
  const steps = document.rotations ?? [];
  const start = steps.findIndex(({ from }) => sameKey(from, pinned));
  if (start < 0) return false;
  let at = pinned;
  for (const step of steps.slice(start)) {
    if (!sameKey(step.from, at) || !isTrueStep(step, document.id)) return false;
    at = step.to;
  }
  return sameKey(at, firstKey(document));
}

function isTrueStep(step: KeyRotation, nodeId: string): boolean {
  return step.node === nodeId && verifySigned(keyBytes(step.from), signingInput('NODE', step), step.signature);
}

/** Two spellings of one key are one key. */
export function sameKey(a: string, b: string): boolean {
  return Buffer.from(keyBytes(a)).equals(keyBytes(b));
}
