import { verifySigned } from '@dcp/crypto';
import { parseWith, routeMessageFrame, signingInput } from '@dcp/protocol';
import type { NodeKey } from '../node/node-key.js';
import { untrue } from '../peers/document-checks.js';

/** The literal frame of §10.2, with the members that the profile adds. */
export function writeRoute(id: string, body: object, to: string, key: NodeKey): object {
  const { destination_user, encrypted_message } = body as { destination_user: string; encrypted_message: string };
  const timestamp = new Date().toISOString();
  const added = { id, timestamp, destination_node: to };
  const frame = { type: 'route_message', source_node: key.nodeId, destination_user, encrypted_message, ...added };
  return { ...frame, signature: key.sign('ROUTE', frame) };
}

/** Who it is from and signed by must be the node of the link. Throws 2000, 3001 `wrong_id`, `wrong_node`, `frame_signature`. */
export function readRoute(
  frame: unknown,
  { source, own, key }: { source: string; own: string; key: Uint8Array },
): { id: string | undefined; body: Record<string, unknown> } {
  const { id, source_node, destination_node, destination_user, encrypted_message, signature } = parseWith(
    routeMessageFrame,
    frame,
  );
  if (source_node !== source) throw untrue('wrong_id');
  if (destination_node !== undefined && destination_node !== own) throw untrue('wrong_node');
  if (!verifySigned(key, signingInput('ROUTE', frame as object), signature)) throw untrue('frame_signature');
  return { id, body: { destination_user, encrypted_message } };
}
