import { at, FEDERATION } from '@dcp/contracts';
import { invalidFormat, NODE_ID } from '@dcp/protocol';
import type { Answering } from './answering.js';
import type { FederationRooms } from './federation.rooms.js';
import { formerKeys, untrue } from './peers/document-checks.js';

/** Everything that others may ask, and who answers it. */
export function serveFederation(answering: Answering, rooms: FederationRooms): void {
  const { admin, asks, doctor, document } = rooms;
  const serve: Answering['serve'] = (rpc, handler) => answering.serve(rpc, handler);
  serve(FEDERATION.document, async () => ({ document: await document.get() }));
  serve(FEDERATION.ask, (question) => asks.ask(question));
  serve(at(FEDERATION.forward, rooms.instance), (question) => asks.forwarded(question));
  serve(FEDERATION.meet, ({ via }) => meet(rooms, via));
  serve(FEDERATION.peers, ({ session, after }) => admin.list(session, after));
  serve(FEDERATION.forget, ({ session, node_id }) => admin.forget(session, node_id));
  serve(FEDERATION.doctor, ({ session, node }) => doctor.examine(session, node));
  serve(FEDERATION.key, ({ node_id }) => pinnedKey(rooms, node_id));
}

async function meet({ discovery, trust }: FederationRooms, via: string): Promise<{ node_id: string }> {
  const node_id = await discovery.meet(via);
  if (trust.of(node_id) === 'blocked') throw untrue('blocked', { node_id });
  return { node_id };
}

async function pinnedKey({ peers, discovery }: FederationRooms, nodeId: string) {
  if (!NODE_ID.test(nodeId)) throw invalidFormat('not a node id', 'node_id');
  const { key, document } = (await peers.find(nodeId)) ?? (await discovery.find(nodeId));
  return { key, former: formerKeys(document) };
}
