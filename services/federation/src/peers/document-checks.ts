import { CryptoError, parseKey, verifyHybrid, verifySigned } from '@dcp/crypto';
import {
  DcpError,
  type KeyRotation,
  nodeDocument,
  type NodeDocument,
  parseWith,
  postQuantumKey,
  signingInput,
  withoutSignatures,
} from '@dcp/protocol';

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

/** The keys of a node at one time. */
export interface KeyPair {
  key: string;
  /** Once there is one, nothing is believed without it. */
  postQuantum: string | undefined;
}

/** A document that its own keys have signed (TYPE NODE). Throws 2000 for a malformed one, 3001 `document_signature`. */
export function checkDocument(value: unknown): NodeDocument {
  const document = parseWith(nodeDocument, value);
  // What was signed is what came, members that this version does not know included.
  const signed = signingInput('NODE', value as object);
  if (!verifySigned(keyBytes(firstKey(document)), signed, document.signature)) throw untrue('document_signature');
  const own = { key: firstKey(document), postQuantum: postQuantumKey(document) };
  if (!isSignedByBoth(own, value as object, document.hybrid)) throw untrue('document_signature');
  return document;
}

export function firstKey({ keys }: NodeDocument): string {
  return keys[0] ?? '';
}

/**
 * Whether the document's keys are the pinned ones, or its steps lead from those to these: each signed by the keys before it. A node that
 * has had no post-quantum key may get one; it never goes back to none.
 */
export function leadsFrom(pinned: KeyPair, document: NodeDocument): boolean {
  const steps = document.rotations ?? [];
  const present = { key: firstKey(document), postQuantum: postQuantumKey(document) };
  const start = steps.findIndex(({ from }) => sameKey(from, pinned.key));
  let at = pinned;
  for (const step of start < 0 ? [] : steps.slice(start)) {
    if (!sameKey(step.from, at.key) || !isTrueStep(step, document.id, at.postQuantum)) return false;
    at = { key: step.to, postQuantum: step.to_pq ?? at.postQuantum };
  }
  return sameKey(at.key, present.key) && (at.postQuantum === undefined || at.postQuantum === present.postQuantum);
}

/** Keys that a node has had before, oldest first: as far back as each step is signed by the key before it. */
export function formerKeys({ id, rotations = [], keys }: NodeDocument): string[] {
  const former: string[] = [];
  let at = keys[0] ?? '';
  for (const step of rotations.toReversed()) {
    if (!sameKey(step.to, at) || !isTrueStep(step, id, undefined)) break;
    former.unshift((at = step.from));
  }
  return former;
}

function isTrueStep(step: KeyRotation, nodeId: string, postQuantum: string | undefined): boolean {
  const { node, from: key, signature, hybrid } = step;
  const isSigned = verifySigned(keyBytes(key), signingInput('NODE', step), signature);
  return node === nodeId && isSigned && isSignedByBoth({ key, postQuantum }, step, hybrid);
}

/** True where there is no post-quantum key to sign with. */
function isSignedByBoth({ key, postQuantum }: KeyPair, object: object, hybrid: string | undefined): boolean {
  if (postQuantum === undefined) return true;
  if (hybrid === undefined) return false;
  const keys = { ed25519: keyBytes(key), mlDsa: keyBytes(postQuantum) };
  return verifyHybrid(keys, signingInput('NODE', withoutSignatures(object)), hybrid);
}

/** Two spellings of one key are one key. */
export function sameKey(a: string, b: string): boolean {
  return Buffer.from(keyBytes(a)).equals(keyBytes(b));
}
