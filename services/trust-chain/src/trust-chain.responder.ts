import { PEER, TRUST } from '@dcp/contracts';
import type { Clock } from '@dcp/node-kit';
import type { Answering } from './answering.js';
import type { TrustChainRooms } from './trust-chain.rooms.js';

/** Everything that others may ask, and who answers it. */
export function serveTrust(answering: Answering, rooms: TrustChainRooms, clock: Clock): void {
  const serve: Answering['serve'] = (rpc, handler) => answering.serve(rpc, handler);
  const { levels, decisions, overrides, lists, log, reports, standings } = rooms;
  serve(TRUST.levels, ({ after }) => levels.list(after));
  serve(TRUST.standings, ({ after }) => standings.page(after ?? '', clock.now()));
  serve(TRUST.setLevel, async ({ session, node_id, level }) => {
    const set = await levels.set(session, node_id, level);
    void rooms.sync.sync(node_id);
    return set;
  });
  serve(TRUST.decide, ({ session, decision }) => decisions.decide(session, decision));
  serve(TRUST.lift, ({ session, id }) => decisions.lift(session, id));
  serve(TRUST.decisions, ({ session, ...query }) => decisions.list(session, query));
  serve(TRUST.judge, ({ session, id, verdict }) => decisions.judge(session, id, verdict));
  serve(TRUST.appeal, ({ session, id, note }) => decisions.appeal(session, id, note));
  serve(TRUST.report, ({ session, report }) => reports.report(session, report));
  serve(TRUST.reports, ({ session, ...query }) => reports.list(session, query));
  serve(TRUST.dismissReport, ({ session, id }) => reports.dismiss(session, id));
  serve(TRUST.overrides, ({ session, after }) => overrides.list(session, after));
  serve(TRUST.setOverride, ({ session, target, rule }) => overrides.set(session, target, rule));
  serve(TRUST.importList, ({ session, ...list }) => lists.import(session, list));
  serve(TRUST.exportList, ({ session, after }) => lists.export(session, after));
  serve(TRUST.preview, ({ session, node_id }) => lists.preview(session, node_id));
  serve(TRUST.refollow, ({ session, node_id }) => rooms.refollow.refollow(session, node_id));
  serve(TRUST.logs, ({ session, after }) => log.list(session, after));
  serve(TRUST.proof, ({ session, seq }) => log.proof(session, seq));
  servePeers(answering, rooms);
}

function servePeers(answering: Answering, { peers }: TrustChainRooms): void {
  answering.serve(PEER.trust_head, () => peers.head());
  answering.serve(PEER.trust_entries, (call) => peers.entries(call));
  answering.serve(PEER.trust_update, (call) => peers.update(call));
}
