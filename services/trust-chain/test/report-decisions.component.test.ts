import type { Decision } from '@dcp/contracts';
import { randomBytes, toBase64 } from '@dcp/crypto';
import { silentLogger } from '@dcp/node-kit';
import { MAX_TRUST_ENTRY_BYTES, type NewDecision } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decide, decisionsAbout, rate, somebody } from './support/acts.js';
import { type Author, type Chat, newId } from './support/chat.js';
import { refusalOf } from './support/refusal.js';
import { ReportDesk } from './support/report-desk.js';
import { BOTH_BUSES, type TrustNode } from './support/world.js';

const GUARD = 20_000;

describe.each(BOTH_BUSES)('decisions on reports over the %s bus', (kind) => {
  let desk: ReportDesk;
  let [node, second] = [] as unknown as [TrustNode, TrustNode];
  let [secondChat, mallory, room] = [] as unknown as [Chat, Author, string];

  beforeAll(async () => {
    desk = await ReportDesk.open(kind, silentLogger);
    ({ node, second, secondChat } = desk);
  }, 60_000);
  beforeEach(() => {
    desk.meet();
    ({ mallory, room } = desk);
  });
  afterAll(() => desk.close());

  const judged = (text: string, more: object = {}, action: NewDecision['action'] = 'ban_user') => {
    const written = desk.said(text);
    const settle = async () => {
      const { id } = await desk.report(written);
      const target = action === 'flag_content' ? written.message.id : mallory.userId;
      return { id, decision: await decide(node, { action, target, reports: [id], ...more }) };
    };
    return { written, settle };
  };

  it('settles reports: what was disclosed is wiped, and nothing of it is published', async () => {
    const { written, settle } = judged('a private matter');
    const { id, decision } = await settle();
    const evidence = { type: 'harassment', messages: [written.message.id], timestamp: decision.issued };
    expect(decision).toMatchObject({ evidence, evidence_verified: null, proven: null });
    expect(decision.evidence).not.toHaveProperty('proof');
    const closed = { closed: decision.issued, closed_by: node.boss.user_id, decision: decision.id, content: null };
    expect(await desk.shown(id)).toMatchObject({ verified: true, ...closed });
    const { rows } = await node.admin.query('select message, message_key from trust_chain.reports where id = $1', [id]);
    expect(rows).toEqual([{ message: null, message_key: null }]);
    const { rows: entries } = await node.admin.query<{ body: string }>('select body from trust_chain.entries');
    expect(JSON.stringify(entries)).not.toContain(written.key);
    const again = decide(node, { action: 'ban_user', target: mallory.userId, reports: [id] });
    expect((await refusalOf(again)).details).toEqual({ reason: 'report_closed', report: id });
  });

  it('must be about what was reported', async () => {
    const { id } = await desk.report(desk.said('mine'));
    const about = (target: string, action: NewDecision['action'] = 'ban_user') =>
      refusalOf(decide(node, { action, target, reports: [id] }));
    for (const [target, action] of [
      [somebody(), 'ban_user'],
      [newId('msg'), 'flag_content'],
      ['zzzz9999', 'block_node'],
    ] as const)
      expect((await about(target, action)).details).toEqual({ reason: 'other_target', report: id });
    const none = decide(node, { action: 'ban_user', target: mallory.userId, reports: ['rep_aaaaaaaaaaaaaaaa'] });
    expect((await refusalOf(none)).details).toMatchObject({ reason: 'no_such_report' });
    expect((await desk.shown(id)).closed).toBeNull();
  });

  it('has no proof where no report was verified', async () => {
    const { id } = await desk.report({ message: desk.said('unproven').message });
    for (const reports of [[id], undefined]) {
      const decision = { action: 'ban_user' as const, target: mallory.userId, reports, with_proof: true };
      expect((await refusalOf(decide(node, decision))).details).toMatchObject({ reason: 'no_proof' });
    }
  });

  const heardAt = async (target: string): Promise<Decision> => {
    await second.linkUp(node.id);
    return await eventually(async () => {
      const [heard] = await decisionsAbout(second, target);
      if (heard === undefined) throw new Error('not heard');
      return heard;
    }, GUARD);
  };

  it('[DCP-10.2-06] carries its proof to a second node, which verifies it by itself', async () => {
    await rate(second, node, 'monitored');
    const { written, settle } = judged('what the whole federation should see', { with_proof: true });
    const { decision } = await settle();
    expect(decision.evidence).toMatchObject({ proof: { message: { id: written.message.id }, key: written.key } });
    // The second node does not know the author yet: it says so, and asks again.
    const heard = await heardAt(mallory.userId);
    expect(heard).toMatchObject({ status: 'pending', evidence_verified: null, proven: null });
    secondChat.authors.set(mallory.userId, mallory);
    const { channel_id, id: message_id, timestamp } = written.message;
    const content = { text: 'what the whole federation should see', format: 'plain' };
    const proven = { author: mallory.userId, channel_id, message_id, timestamp, type: 'text', content };
    await eventually(async () => {
      second.clock.advance(60_000);
      expect((await decisionsAbout(second, mallory.userId))[0]).toMatchObject({ evidence_verified: true, proven });
    }, GUARD);
    await eventually(
      async () =>
        expect((await decisionsAbout(node, mallory.userId))[0]).toMatchObject({ evidence_verified: true, proven }),
      GUARD,
    );
  }, 60_000);

  it('[DCP-10.2-06] whose proof shows nothing of its target is heard, and marked', async () => {
    await rate(second, node, 'monitored');
    const { message, key } = desk.said('true, and of mallory');
    secondChat.authors.set(mallory.userId, mallory);
    const honest = { message, key };
    const other = mallory.write(room, 'another one');
    for (const [target, proof] of [
      [somebody(), honest],
      [mallory.userId, { message, key: other.key }],
      [mallory.userId, { message }],
      [mallory.userId, { message: { ...message, content: other.message.content }, key: other.key }],
      [mallory.userId, { message: 'nothing' }],
    ] as const) {
      const timestamp = '2026-01-01T00:00:00.000Z';
      const { id } = await decide(node, {
        action: 'ban_user',
        target,
        evidence: { type: 'spam', messages: [], timestamp, proof },
      });
      await second.linkUp(node.id);
      await eventually(async () => {
        const heard = (await decisionsAbout(second, target)).find((one) => one.id === id);
        expect(heard).toMatchObject({ evidence_verified: false, proven: null });
      }, GUARD);
    }
  }, 60_000);

  it('goes without a proof that is too long for an entry; no entry is longer than others take', async () => {
    const text = toBase64(randomBytes(6_000));
    const { settle } = judged(text, { with_proof: true });
    const { decision } = await settle();
    expect(decision.evidence).toMatchObject({ type: 'harassment' });
    expect(decision.evidence).not.toHaveProperty('proof');
    const filler = 'x'.repeat(MAX_TRUST_ENTRY_BYTES - 300);
    const evidence = { type: 'spam', messages: [], timestamp: decision.issued, filler };
    const long = decide(node, { action: 'ban_user', target: somebody(), evidence });
    expect((await refusalOf(long)).details).toMatchObject({ path: 'evidence' });
  });

  it('may flag the message, or block the node of its author', async () => {
    const { written, settle } = judged('flag me', {}, 'flag_content');
    const flagged = await settle();
    expect(flagged.decision).toMatchObject({ target: written.message.id, status: 'pending' });
    const { id } = await desk.report(desk.said('and your node'));
    const blocked = await decide(node, { action: 'block_node', target: 'b8x1n5p4', reports: [id] });
    expect(await desk.shown(id)).toMatchObject({ decision: blocked.id });
  });
});
