import { AUTH, PEER } from '@dcp/contracts';
import { parseWith, userIdField } from '@dcp/protocol';
import { z } from 'zod';
import type { Answering } from './answering.js';
import type { AuthRooms } from './auth.rooms.js';

const askedUser = z.looseObject({ user_id: userIdField });

/** Everything that others may ask, and who answers it. */
export function serveAuth(answering: Answering, rooms: AuthRooms): void {
  const serve: Answering['serve'] = (rpc, handler) => answering.serve(rpc, handler);
  const { account, admin, devices, login, moves, node, registration, remote, retrieval, sessions } = rooms;
  serve(AUTH.node, () => node.describe());
  serve(AUTH.jwks, () => node.jwks());
  serve(AUTH.register, (request) => registration.register(request));
  serve(AUTH.challenge, (request) => login.challenge(request));
  serve(AUTH.proof, (request) => login.proof(request));
  serve(AUTH.refresh, ({ session_token }) => sessions.refresh(session_token));
  serve(AUTH.sessions, ({ session }) => sessions.list(session));
  serve(AUTH.revoke, ({ session, id }) => sessions.revoke(session, id));
  serve(AUTH.revocations, ({ after }) => sessions.revocations(after));
  serve(AUTH.devices, ({ user_id, after }) => devices.list(user_id, after));
  serve(AUTH.deviceLogs, ({ users }) => devices.logs(users));
  serve(AUTH.appendDevice, ({ session, entry }) => devices.append(session, entry));
  serve(AUTH.retrievalParameters, ({ user_id }) => retrieval.parameters(user_id));
  serve(AUTH.retrieveIdentityFile, ({ user_id, retrieval_key }) => retrieval.fetch(user_id, retrieval_key));
  serve(AUTH.profile, ({ user_id }) => (remote.isRemote(user_id) ? remote : account).profile(user_id));
  serve(AUTH.settings, ({ user_id }) => (remote.isRemote(user_id) ? remote : account).settings(user_id));
  serve(AUTH.updateAccount, ({ session, identity_file, retrieval_hash }) =>
    account.update(session, identity_file, retrieval_hash),
  );
  serve(AUTH.removeAccount, ({ session }) => account.remove(session.user_id));
  serve(AUTH.moveAccount, ({ session, moved_to }) => moves.move(session, moved_to));
  serve(AUTH.suspend, ({ session, user_id, suspended }) => admin.suspend(session, user_id, suspended));
  serve(AUTH.approve, ({ session, user_id }) => admin.approve(session, user_id));
  serve(AUTH.pending, ({ session }) => admin.pending(session));
  serve(AUTH.createInvite, ({ session, uses, expires_in }) => admin.createInvite(session, uses, expires_in));
  serve(AUTH.invites, ({ session }) => admin.listInvites(session));
  servePeers(serve, rooms);
}

/** What other nodes may ask of the accounts here. */
function servePeers(serve: Answering['serve'], { account, devices, remote }: AuthRooms): void {
  serve(PEER.user_lookup, ({ body }) => account.profile(parseWith(askedUser, body).user_id));
  serve(PEER.direct_messages, async ({ body }) => {
    const { allow_direct_messages: allow, moved_to } = await account.settings(parseWith(askedUser, body).user_id);
    return moved_to === undefined ? { allow } : { allow, moved_to };
  });
  serve(PEER.device_logs, ({ body: { users } }) => devices.forPeer(users));
  serve(PEER.devices_changed, async ({ peer, body }) => {
    await remote.changed(peer.node_id, parseWith(askedUser, body).user_id);
    return {};
  });
}
