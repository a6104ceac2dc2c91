import { readFile } from 'node:fs/promises';
import { knownNodesFile, parseJson, parseWith, type TrustLevel } from '@dcp/protocol';

/** The levels of §10.1's file; a node without one is left as it is. Throws for a file that is not there or not of this shape. */
export async function readKnownLevels(path: string): Promise<Map<string, TrustLevel>> {
  const { known_nodes } = parseWith(knownNodesFile, parseJson(await readFile(path, 'utf8')));
  return new Map(known_nodes.flatMap(({ id, trust_level }) => (trust_level === undefined ? [] : [[id, trust_level]])));
}
