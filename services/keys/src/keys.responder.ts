import { KEYS, type Peer, PEER } from '@dcp/contracts';
import { DcpError, deviceReference, parseWith } from '@dcp/protocol';
import type { Answering } from './answering.js';
import type { KeysRooms } from './keys.rooms.js';
import { nodeOf } from './remote/other-nodes.js';

/** Everything that others may ask, and who answers it. */
export function serveKeys(answering: Answering, { prekeys, queue, route, relay, backup, forget }: KeysRooms): void {
  const serve: Answering['serve'] = (rpc, handler) => answering.serve(rpc, handler);
  serve(KEYS.publish, ({ session, epoch, prekeys: published }) => prekeys.publish(session, epoch, published));
  serve(KEYS.claim, ({ session, devices }) => prekeys.claim(session, devices));
  serve(KEYS.send, ({ session, messages }) => queue.send(session, messages));
  serve(KEYS.fetch, ({ session, after, limit }) => queue.fetch(session, after, limit));
  serve(KEYS.acknowledge, ({ session, up_to }) => queue.acknowledge(session, up_to));
  serve(KEYS.putBackup, ({ session, records }) => backup.put(session, records));
  serve(KEYS.backup, ({ session, month, after }) => backup.read(session, month, after));
  serve(PEER.claim_keys, ({ peer, body }) => {
    const { user_id, devices } = body;
    checkUserOf(peer, user_id);
    return prekeys.claimForPeer(user_id, devices);
  });
  serve(PEER.send_keys, ({ peer, body }) => {
    const { messages, ...from } = body;
    const { user_id, device } = parseWith(deviceReference, from);
    checkUserOf(peer, user_id);
    return queue.sendForPeer({ user_id, device }, messages);
  });
  serve(KEYS.route, ({ session, message }) => route.send(session, message));
  serve(PEER.route_message, ({ peer, body }) => route.deliver(peer.node_id, body));
  serve(KEYS.relay, ({ node_id }) => relay.drain(node_id));
  serve(KEYS.backupRecords, ({ session, ids }) => backup.find(session, ids));
  serve(KEYS.deleteBackup, ({ session, month }) => backup.delete(session, month));
  serve(KEYS.forgetUser, ({ user_id }) => forget.forgetUser(user_id));
}

/** A node speaks for its own users only. */
function checkUserOf({ node_id }: Peer, userId: string): void {
  if (nodeOf(userId) !== node_id) throw new DcpError('FEDERATION_ERROR', { reason: 'foreign_user', user_id: userId });
}
