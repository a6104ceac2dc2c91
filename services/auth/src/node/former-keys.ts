import { readFileSync } from 'node:fs';
import { parseKey, verifySigned } from '@dcp/crypto';
import {
  type FormerTokenKey,
  type KeyRotation,
  parseJson,
  parseWith,
  rotationsFile,
  rotationsTo,
  signingInput,
} from '@dcp/protocol';

/** The keys that a node has had before the present one, as its operator's change of key has left them. */
export interface FormerKeys {
  /** Steps to the present key, for the node document. */
  rotations: KeyRotation[];
  tokenKeys: FormerTokenKey[];
}

/**
 * Reads `DCP_NODE_ROTATIONS_FILE`. Throws when it is there and is not about this node and its key: other nodes would not believe it, and
 * an operator must hear of it before they do.
 */
export function readFormerKeys(file: string | undefined, nodeId: string, publicKey: string): FormerKeys {
  if (file === undefined) return { rotations: [], tokenKeys: [] };
  const { node, rotations, token_keys: tokenKeys } = parseWith(rotationsFile, parseJson(readFileSync(file, 'utf8')));
  if (node !== nodeId) throw new Error(`${file} is about the node ${node}, not ${nodeId}: set DCP_NODE_ID to ${node}`);
  const steps = rotationsTo(publicKey, rotations);
  if (steps === undefined)
    throw new Error(
      `${file} does not lead to the node's key: start the node with the key that the last change has made`,
    );
  for (const step of steps)
    if (step.node !== nodeId || !verifySigned(parseKey(step.from).bytes, signingInput('NODE', step), step.signature))
      throw new Error(`${file} holds a change of key that the former key has not signed`);
  return { rotations: steps, tokenKeys };
}
