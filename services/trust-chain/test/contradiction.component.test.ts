import { TRUST } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decisionsAbout, logOf, rate, somebody } from './support/acts.js';
import { refusalOf } from './support/refusal.js';
import { ScriptedPeer } from './support/scripted-peer.js';
import { Links, TrustNode } from './support/world.js';

const GUARD = 30_000;

describe('a log that cannot be believed', () => {
  const links = new Links();
  let node: TrustNode;
  let peer: ScriptedPeer;

  beforeAll(async () => {
    await ready();
    node = await TrustNode.open('in-process', links);
    await Promise.all([node.start(), node.start()]);
  }, 60_000);
  afterAll(() => node.close());

  beforeEach(() => {
    peer = new ScriptedPeer(links);
  });

  const told = () => links.ask(peer.id, node.id, 'trust_update', { head: {} });
  const banned = async (target: string) => (await node.standing(target)).banned_until === null;
  const until = (log: object) => eventually(async () => expect(await logOf(node, peer.id)).toMatchObject(log), GUARD);

  /** Three entries that were taken. */
  async function followed(): Promise<void> {
    peer.ban(somebody(), somebody(), somebody());
    await rate(node, peer.id, 'trusted');
    await until({ size: 3, state: 'ok', head: { size: 3 } });
  }

  it('an honest one is taken in pages as it grows', async () => {
    await followed();
    const later = [somebody(), somebody(), somebody(), somebody(), somebody()];
    peer.ban(...later);
    await told();
    await until({ size: 8, state: 'ok', fault: null });
    for (const target of later) expect(await banned(target)).toBe(true);
  });

  const forks: [string, string, () => void][] = [
    ['rewritten at the same length', 'rewritten', () => peer.rewrite(1, { target: somebody() })],
    [
      'rewritten and longer',
      'inconsistent',
      () => (peer.rewrite(0, { target: somebody() }), peer.ban('fork1111.last')),
    ],
    ['shorter than before', 'shrunk', () => void peer.entries.pop()],
    ['another branch', 'not_linked', () => (peer.entries.splice(1), peer.ban(somebody(), somebody(), 'fork1111.last'))],
  ];

  it.each(forks)('one that is %s is marked, and nothing of it is taken any more', async (_, fault, fork) => {
    await followed();
    fork();
    await told();
    await until({ state: 'forked', fault, size: 3 });
    const late = somebody();
    peer.ban(late);
    const asked = peer.asked.length;
    await told();
    await rate(node, peer.id, 'trusted');
    expect(await banned(late)).toBe(false);
    expect(await banned('fork1111.last')).toBe(false);
    expect(peer.asked.slice(asked)).toEqual([]);
  });

  it('a forked one is read anew when an administrator says so, and what it said before stays in the database', async () => {
    await followed();
    const [lost] = peer.entries.slice(2);
    peer.entries.splice(2);
    const target = somebody();
    peer.ban(target, somebody());
    await told();
    await until({ state: 'forked', size: 3 });
    const session = node.boss;
    await node.bus.request(TRUST.refollow, { session, node_id: peer.id });
    await until({ state: 'ok', fault: null, size: 4 });
    expect([await banned(target), await banned(lost?.target ?? '')]).toEqual([true, false]);
    await eventually(() => expect(node.standings).toContainEqual({ user_id: lost?.target }), GUARD);
    const kept = 'select count(*)::int as n from trust_chain.entries where issuer = $1';
    expect((await node.admin.query(kept, [peer.id])).rows).toEqual([{ n: 7 }]);
    const again = node.bus.request(TRUST.refollow, { session, node_id: peer.id });
    expect((await refusalOf(again)).details).toEqual({ reason: 'not_forked' });
  });

  it('a page whose proof leads elsewhere is a contradiction', async () => {
    await followed();
    peer.ban(somebody(), somebody(), somebody());
    peer.spoilPage = ({ entries, proof }) => ({ entries, proof: proof.toReversed().slice(1) });
    await told();
    await until({ state: 'forked', fault: 'inconsistent', size: 3 });
  });

  it('[DCP-10.2-06] what its node did not sign is not taken, but does not speak against the node', async () => {
    await followed();
    const target = somebody();
    peer.ban(target);
    peer.spoilPage = ({ entries, proof }) => ({
      entries: entries.map((entry) => ({ ...entry, note: 'altered' })),
      proof,
    });
    await told();
    await until({ state: 'ok', fault: 'bad_signature', size: 3 });
    expect(await banned(target)).toBe(false);
    const other = new ScriptedPeer(links);
    peer.spoilPage = (page) => page;
    peer.spoilHead = (head) => other.signed({ ...head, size: 9 });
    await told();
    await until({ state: 'ok', fault: 'bad_signature', size: 3 });
    peer.spoilHead = () => ({ size: 'nine' });
    await told();
    await until({ state: 'ok', fault: 'invalid_message_format', size: 3 });
    peer.spoilHead = (head) => head;
    await told();
    await until({ state: 'ok', fault: null, size: 4 });
    expect(await banned(target)).toBe(true);
  });

  it('[DCP-10.2-06] a frame that names its moderator must be signed by him, and be of his own node', async () => {
    await followed();
    const moderator = new ScriptedPeer(links);
    const by = `${peer.id}.mod`;
    peer.users.set(by, links.key(moderator.id));
    const evidence = { type: 'spam', messages: ['msg_123'], timestamp: '2025-09-06T10:30:00Z' };
    const frame = { type: 'trust_update', action: 'ban_user', target: somebody(), evidence };
    const send = (sent: object) => links.ask(peer.id, node.id, 'trust_update', sent);
    await send(moderator.signed({ ...frame, by }));
    expect(await decisionsAbout(node, frame.target)).toMatchObject([
      { by, verified: true, status: 'pending', evidence },
    ]);
    const forged = moderator.signed({ ...frame, by });
    expect(await refusalOf(send({ ...forged, target: somebody() }))).toMatchObject({
      details: { reason: 'bad_signature' },
    });
    const foreign = moderator.signed({ ...frame, by: 'eeee5555.mod' });
    expect(await refusalOf(send(foreign))).toMatchObject({ details: { reason: 'foreign_moderator' } });
    const target = somebody();
    await send(moderator.signed({ ...frame, target, by: `${peer.id}.nobody` }));
    expect(await decisionsAbout(node, target)).toMatchObject([{ by: null, verified: false, status: 'pending' }]);
    const ofNode = { ...frame, target: somebody() };
    await send(peer.signed(ofNode));
    expect(await decisionsAbout(node, ofNode.target)).toMatchObject([{ by: null, verified: true, status: 'pending' }]);
  });

  it('an entry of another issuer, or a gap, is not taken', async () => {
    await followed();
    peer.write({ action: 'ban_user', target: somebody(), seq: 5 });
    await told();
    await until({ state: 'forked', fault: 'not_linked', size: 3 });
    const stranger = new ScriptedPeer(links);
    stranger.write({ action: 'ban_user', target: somebody(), issuer: peer.id });
    await rate(node, stranger.id, 'trusted');
    await eventually(
      async () => expect(await logOf(node, stranger.id)).toMatchObject({ fault: 'bad_signature', size: 0 }),
      GUARD,
    );
  });

  it('a peer that is away is only away', async () => {
    await followed();
    links.cut(peer.id);
    node.clock.advance(7_200_000);
    const replica = await node.start();
    await until({ state: 'ok', fault: 'node_unreachable', size: 3 });
    links.mend(peer.id);
    peer.ban(somebody());
    node.clock.advance(7_200_000);
    await replica.stop();
    await node.start();
    await until({ state: 'ok', fault: null, size: 4 });
  });

  it('a dry run says what a monitored node would change, and the override what never changes', async () => {
    const [first, spared] = [somebody(), somebody()];
    peer.ban(first, spared);
    peer.write({ action: 'flag_content', target: 'msg_abc' });
    await rate(node, peer.id, 'monitored');
    await until({ size: 3 });
    const { session } = { session: node.boss };
    const preview = () => node.bus.request(TRUST.preview, { session, node_id: peer.id });
    const line = (target: string) => ({ target, action: 'ban_user', issuer: peer.id });
    expect(await preview()).toEqual({ changes: [line(first), line(spared)], has_more: false });
    await node.bus.request(TRUST.setOverride, { session, target: spared, rule: 'never' });
    expect(await preview()).toEqual({ changes: [line(first)], has_more: false });
    await rate(node, peer.id, 'trusted');
    expect([await banned(first), await banned(spared)]).toEqual([true, false]);
    expect(await preview()).toEqual({ changes: [], has_more: false });
  });
});
