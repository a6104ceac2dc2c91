import { readFile } from 'node:fs/promises';
import { type KnownNode, knownNodesFile, parseJson, parseWith } from '@dcp/protocol';

/** The nodes that the operator has written down (§10.1). Throws when the file is there and cannot be read: an operator must see it. */
export async function readKnownNodes(file: string | undefined): Promise<ReadonlyMap<string, KnownNode>> {
  if (file === undefined) return new Map();
  const { known_nodes } = parseWith(knownNodesFile, parseJson(await readFile(file, 'utf8')));
  return new Map(known_nodes.map((node) => [node.id, node]));
}
