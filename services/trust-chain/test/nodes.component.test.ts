import { TRUST } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ban, decide, decisionsAbout, judge, lift, logOf, rate, review, somebody } from './support/acts.js';
import { BOTH_BUSES, Links, TrustNode, untilStanding } from './support/world.js';

const GUARD = 30_000;
const FRAME = {
  type: 'trust_update',
  action: 'ban_user',
  target: 'c9y2m7q1.spam-user-x7k2',
  evidence: { type: 'spam', messages: ['msg_123', 'msg_456'], timestamp: '2025-09-06T10:30:00Z' },
};
const SIGNATURE = `ed25519:${'A'.repeat(86)}==`;

/** Ana decides; Ben trusts her, Cleo watches her, and nobody has rated Dora. */
describe.each(BOTH_BUSES)('three nodes over %s buses', (kind) => {
  const links = new Links();
  let [ana, ben, cleo] = [] as unknown as [TrustNode, TrustNode, TrustNode];

  beforeAll(async () => {
    [ana, ben, cleo] = await Promise.all([
      TrustNode.open(kind, links),
      TrustNode.open(kind, links),
      TrustNode.open(kind, links),
    ]);
    await Promise.all([ana.start(), ben.start(), ben.start(), cleo.start()]);
    for (const other of [ben, cleo]) await rate(ana, other, 'monitored');
    await rate(ben, ana, 'trusted');
    await rate(cleo, ana, 'monitored');
  }, 60_000);
  afterAll(() => Promise.all([ana, ben, cleo].map((node) => node.close())));

  it('[DCP-10.3-01] [DCP-10.3-02] [DCP-16.2-05] a ban holds at once where its node is trusted, and waits for a review where it is monitored', async () => {
    const target = somebody();
    const { id } = await ban(ana, target);
    expect(await ana.standing(target)).toEqual({ user_id: target, banned_until: null });
    await untilStanding(ben, { user_id: target, banned_until: null });
    await eventually(() => expect(ben.standings).toContainEqual({ user_id: target, banned_until: null }), GUARD);
    await eventually(async () => expect(await review(cleo)).toContainEqual(expect.objectContaining({ id })), GUARD);
    expect(await cleo.standing(target)).toEqual({ user_id: target });
    expect(await judge(cleo, id, 'approve')).toMatchObject({ status: 'applied', judged_by: cleo.boss.user_id });
    await untilStanding(cleo, { user_id: target, banned_until: null });
    await eventually(() => expect(cleo.standings.at(-1)).toEqual({ user_id: target, banned_until: null }), GUARD);
    expect(await review(cleo)).not.toContainEqual(expect.objectContaining({ id }));
    await judge(cleo, id, 'reject');
    expect(await cleo.standing(target)).toEqual({ user_id: target });
  }, 60_000);

  it('[DCP-10.2-06] who decided, and on which evidence, is seen wherever the decision is', async () => {
    const target = somebody();
    const { evidence } = FRAME;
    const decided = await decide(ana, { action: 'ban_user', target, evidence, note: 'a bot' });
    await untilStanding(ben, { user_id: target, banned_until: null });
    const [seen] = await decisionsAbout(ben, target);
    const { by, issuer, id } = decided;
    expect(seen).toMatchObject({ id, issuer, by, evidence, note: 'a bot', verified: true, status: 'applied' });
  }, 60_000);

  it('[DCP-16.2-05] a node that was off at the time of a ban, and of taking it back, catches up', async () => {
    const [first, second] = [somebody(), somebody()];
    links.cut(ben.id);
    await ben.stopReplicas();
    const { id } = await ban(ana, first);
    await ban(ana, second);
    await lift(ana, id);
    expect(await ana.standing(second)).toEqual({ user_id: second, banned_until: null });
    links.mend(ben.id);
    ben.clock.advance(7_200_000);
    await Promise.all([ben.start(), ben.start()]);
    await untilStanding(ben, { user_id: second, banned_until: null });
    expect(await ben.standing(first)).toEqual({ user_id: first });
    expect(await decisionsAbout(ben, first)).toMatchObject([{ in_force: false, lifted_at: expect.any(String) }]);
    const [own, copy] = [await logOf(ana, ana.id), await logOf(ben, ana.id)];
    expect(copy).toMatchObject({ size: own?.size, state: 'ok', fault: null, head: { root: own?.head?.root } });
  }, 60_000);

  it('[DCP-16.2-05] a node that could not be reached is caught up with as soon as its link is up', async () => {
    links.cut(ana.id);
    const target = somebody();
    await ban(ana, target);
    expect(await ben.standing(target)).toEqual({ user_id: target });
    links.mend(ana.id);
    await ben.linkUp(ana.id);
    await untilStanding(ben, { user_id: target, banned_until: null });
  }, 60_000);

  it('[DCP-10.3-05] a temporary ban ends by itself at its time, a permanent one outlives a restart', async () => {
    const [forever, forNow] = [somebody(), somebody()];
    const expires = new Date(ben.clock.now() + 3_600_000).toISOString();
    await ban(ana, forever);
    await decide(ana, { action: 'temp_ban_user', target: forNow, expires });
    await untilStanding(ben, { user_id: forNow, banned_until: expires });
    ben.clock.advance(3_599_999);
    expect(await ben.standing(forNow)).toEqual({ user_id: forNow, banned_until: expires });
    const told = ben.standings.length;
    ben.clock.advance(1);
    expect(await ben.standing(forNow)).toEqual({ user_id: forNow });
    await eventually(() => expect(ben.standings.slice(told)).toContainEqual({ user_id: forNow }), GUARD);
    await ben.stopReplicas();
    await ben.start();
    expect(await ben.standing(forever)).toEqual({ user_id: forever, banned_until: null });
    expect(await ben.standing(forNow)).toEqual({ user_id: forNow });
  }, 60_000);

  it('[DCP-10.3-06] a flagged message is in the queue of the other nodes, whatever their trust', async () => {
    const target = 'msg_flagged123';
    const { id } = await decide(ana, { action: 'flag_content', target });
    for (const node of [ana, ben, cleo])
      await eventually(
        async () => expect(await review(node)).toContainEqual(expect.objectContaining({ id, target })),
        GUARD,
      );
    await judge(ana, id, 'reject');
    expect(await review(ana)).not.toContainEqual(expect.objectContaining({ id }));
  }, 60_000);

  it('[DCP-10.3-07] the lowest rate holds, until it ends', async () => {
    const target = somebody();
    const until = new Date(ben.clock.now() + 60_000).toISOString();
    await decide(ana, { action: 'rate_limit_user', target, per_minute: 2, expires: until });
    await untilStanding(ben, { user_id: target, rate: { per_minute: 2, until } });
    await decide(ben, { action: 'rate_limit_user', target, per_minute: 10 });
    expect(await ben.standing(target)).toEqual({ user_id: target, rate: { per_minute: 2, until } });
    ben.clock.advance(60_000);
    expect(await ben.standing(target)).toEqual({ user_id: target, rate: { per_minute: 10, until: null } });
  }, 60_000);

  it("a demoted node's bans end with its trust, and come back with it; what an administrator said stays", async () => {
    const [quiet, approved] = [somebody(), somebody()];
    await ban(ana, quiet);
    const { id } = await ban(ana, approved);
    await untilStanding(ben, { user_id: approved, banned_until: null });
    await judge(ben, id, 'approve');
    const told = ben.standings.length;
    await rate(ben, ana, 'monitored');
    expect(await ben.standing(quiet)).toEqual({ user_id: quiet });
    expect(await ben.standing(approved)).toEqual({ user_id: approved, banned_until: null });
    await eventually(() => expect(ben.standings.slice(told)).toContainEqual({ user_id: quiet }), GUARD);
    expect((await review(ben)).map(({ target }) => target)).toContain(quiet);
    await rate(ben, ana, 'blocked');
    expect((await decisionsAbout(ben, quiet))[0]).toMatchObject({ status: 'ignored' });
    await rate(ben, ana, 'trusted');
    expect(await ben.standing(quiet)).toEqual({ user_id: quiet, banned_until: null });
  }, 60_000);

  it('a blocked node spreads to those who trust, but not over what an operator said himself, and never to the node itself', async () => {
    const { id } = await decide(ana, { action: 'block_node', target: 'zzzz9999' });
    expect(await ana.level('zzzz9999')).toBe('blocked');
    await eventually(async () => expect(await ben.level('zzzz9999')).toBe('blocked'), GUARD);
    await eventually(() => expect(ben.levels).toContainEqual({ node_id: 'zzzz9999', level: 'blocked' }), GUARD);
    expect(await cleo.level('zzzz9999')).toBe('unknown');
    await rate(ben, 'zzzz9999', 'monitored');
    expect(await ben.level('zzzz9999')).toBe('monitored');
    await decide(ana, { action: 'block_node', target: ben.id });
    const target = somebody();
    await ban(ana, target);
    ben.clock.advance(7_200_000);
    await ben.stopReplicas();
    await ben.start();
    await untilStanding(ben, { user_id: target, banned_until: null });
    expect(await ben.level(ben.id)).toBe('unknown');
    await lift(ana, id);
    expect(await ana.level('zzzz9999')).toBe('unknown');
    await rate(ana, ben, 'monitored');
  }, 60_000);

  it('[DCP-10.2-05] the frame of the specification reaches the review queue of those who listen, and no more', async () => {
    const ask = (to: TrustNode) => links.ask(ana.id, to.id, 'trust_update', { ...FRAME, signature: SIGNATURE });
    await Promise.all([ask(ben), ask(ben)]);
    const waiting = (await review(ben)).filter(({ target }) => target === FRAME.target);
    expect(waiting).toMatchObject([{ issuer: ana.id, seq: null, evidence: FRAME.evidence, verified: false, by: null }]);
    expect(await ben.standing(FRAME.target)).toEqual({ user_id: FRAME.target });
    await judge(ben, waiting[0]?.id ?? '', 'approve');
    expect(await ben.standing(FRAME.target)).toEqual({ user_id: FRAME.target, banned_until: null });
  }, 60_000);

  it('[DCP-10.3-04] an update of a node that nobody has rated has no effect, and is counted', async () => {
    await cleo.stopReplicas();
    const only = await cleo.start();
    links.join('dddd4444', ana.key, () => Promise.resolve({}));
    expect(await cleo.level('dddd4444')).toBe('unknown');
    const frame = { ...FRAME, target: somebody(), signature: SIGNATURE };
    await links.ask('dddd4444', cleo.id, 'trust_update', frame);
    expect(await decisionsAbout(cleo, frame.target)).toEqual([]);
    expect(await only.metrics.text()).toMatch(/dcp_trust_ignored_total\{[^}]*level="unknown"[^}]*\} 1/);
  }, 60_000);

  it('levels and standings come in pages', async () => {
    const ids = Array.from({ length: 1_500 }, (_, at) => `pppp1111.user-${String(at).padStart(5, '0')}`);
    const report = await ana.bus.request(TRUST.importList, { session: ana.boss, ids, dry_run: false });
    expect(report.added).toHaveLength(1_500);
    const all = new Set<string>();
    for (let after: string | undefined; ;) {
      const page = await ana.bus.request(TRUST.standings, { after });
      for (const { user_id } of page.standings) all.add(user_id);
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(ids.every((id) => all.has(id))).toBe(true);
    await untilEvery(ben, ids);
  }, 60_000);
});

async function untilEvery(node: TrustNode, ids: string[]): Promise<void> {
  await eventually(() => {
    const told = new Set(node.standings.map(({ user_id }) => user_id));
    expect(ids.every((id) => told.has(id))).toBe(true);
  }, GUARD);
}
