import { type Decision, type Report, type ReportReceipt, TRUST } from '@dcp/contracts';
import { formatKey, generateEd25519KeyPair, randomBytes, type Secret, signDigest, toBase64 } from '@dcp/crypto';
import {
  DcpError,
  MAX_TRUST_ENTRY_BYTES,
  type MessageReport,
  messageSigningInput,
  type NewDecision,
} from '@dcp/protocol';
import { captureLogger, eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { decide, decisionsAbout, rate, somebody } from './support/acts.js';
import { type Author, Chat, newChannel, newId, type Written } from './support/chat.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, Links, TrustNode } from './support/world.js';

const GUARD = 20_000;
const MADE_UP = `ed25519:${'A'.repeat(86)}==`;

describe.each(BOTH_BUSES)('reports of messages over the %s bus', (kind) => {
  let [node, second] = [] as unknown as [TrustNode, TrustNode];
  let [chat, secondChat] = [] as unknown as [Chat, Chat];
  let [alice, mallory, room] = [] as unknown as [string, Author, string];
  const secrets: string[] = [];
  const logged = captureLogger('trust-chain');

  const reportAs = (user_id: string, report: object): Promise<ReportReceipt> =>
    node.bus.request(TRUST.report, { session: node.session({ user_id }), report: report as MessageReport });
  const reportOf = ({ message, key }: Partial<Written>, more: object = {}) => {
    const channel_id = message?.channel_id;
    return { channel_id, message, ...(key === undefined ? {} : { key }), reason: 'harassment', ...more };
  };
  const report = (written: Partial<Written>, more: object = {}) => reportAs(alice, reportOf(written, more));
  const queue = async (state: 'open' | 'closed' = 'open', author?: string): Promise<Report[]> =>
    (await node.bus.request(TRUST.reports, { session: node.boss, state, author })).reports;
  const shown = async (id: string): Promise<Report> => {
    const found = [...(await queue()), ...(await queue('closed'))].find((one) => one.id === id);
    if (found === undefined) throw new Error('not in the queue');
    return found;
  };
  const faultOf = async (written: Partial<Written>, more: object = {}): Promise<unknown> => {
    const { id, verified, fault } = await report(written, more);
    // It is in the queue all the same, and shows nothing.
    expect(await shown(id)).toMatchObject({ verified, fault, content: null });
    return fault;
  };
  const said = (text: string): Written => {
    const written = mallory.write(room, text);
    secrets.push(written.key, text);
    chat.post(written.message);
    return written;
  };

  beforeAll(async () => {
    const links = new Links();
    [node, second] = [await TrustNode.open(kind, links), await TrustNode.open(kind, links)];
    [chat, secondChat] = [await Chat.open(node), await Chat.open(second)];
    logged.logger.level = 'trace';
    await Promise.all([node.start({ logger: logged.logger }), second.start()]);
  }, 60_000);
  beforeEach(() => {
    alice = somebody(node.id);
    mallory = chat.author(somebody('b8x1n5p4'));
    room = chat.channel(alice, mallory.userId);
    chat.post(mallory.write(room, 'something before it').message);
  });
  afterAll(async () => {
    await chat.close();
    await secondChat.close();
    await node.close();
    await second.close();
  });

  describe('a true one', () => {
    it('shows administrators what the author wrote, and nobody else', async () => {
      const written = said('you will regret this');
      const receipt = await report(written, { note: 'he does it every day' });
      expect(receipt).toEqual({ id: expect.stringMatching(/^rep_/), verified: true, fault: null });
      expect(await shown(receipt.id)).toEqual({
        ...receipt,
        reporter: alice,
        author: mallory.userId,
        channel_id: room,
        message_id: written.message.id,
        timestamp: written.message.timestamp,
        type: 'text',
        reason: 'harassment',
        note: 'he does it every day',
        content: { text: 'you will regret this', format: 'plain' },
        reported: new Date(node.clock.now()).toISOString(),
        closed: null,
        closed_by: null,
        decision: null,
      });
      const asAlice = node.bus.request(TRUST.reports, { session: node.session({ user_id: alice }), state: 'open' });
      expect((await refusalOf(asAlice)).code).toBe('INSUFFICIENT_PERMISSIONS');
    });

    it('needs no key where the node may read, and holds after the author wiped the message', async () => {
      const plain = mallory.writePlain(room, 'readable');
      chat.post(plain);
      const { id } = await report({ message: plain });
      expect(await shown(id)).toMatchObject({ verified: true, content: { text: 'readable' } });
      const wiped = said('wiped');
      chat.wipe(wiped.message);
      expect(await report(wiped)).toMatchObject({ verified: true });
    });

    it('of what the node wrote for its author stands under the keys of his node, former ones too', async () => {
      const [old, other] = [generateEd25519KeyPair(), generateEd25519KeyPair()];
      const byNode = (author: string, seed: Secret) => {
        const { device: _device, signature: _signature, ...plain } = mallory.writePlain(room, 'plain words');
        const unsigned = { ...plain, id: newId('msg'), author, metadata: { signed_by: 'node' } };
        const message = { ...unsigned, signature: signDigest(seed, messageSigningInput(unsigned, 'NODEMSG')) };
        chat.post(message);
        return { message };
      };
      const key = (pair: { publicKey: Uint8Array }) => formatKey('ed25519', pair.publicKey);
      chat.rotations.push({
        node: node.id,
        from: key(old),
        to: node.key,
        issued: '2026-01-01T00:00:00.000Z',
        signature: MADE_UP,
      });
      const bob = somebody(node.id);
      expect(await report(byNode(bob, old.seed))).toMatchObject({ verified: true });
      expect(await faultOf(byNode(bob, other.seed))).toBe('bad_signature');
      node.links.join('d4d4d4d4', key(other), () => Promise.reject(new DcpError('NODE_UNREACHABLE')));
      const far = somebody('d4d4d4d4');
      expect(await report(byNode(far, other.seed))).toMatchObject({ verified: true });
      expect(await faultOf(byNode(far, old.seed))).toBe('bad_signature');
    });

    it('is one, however often it comes; a verified one takes the place of one that was not', async () => {
      const written = said('again and again');
      const { key: _key, ...without } = written;
      const first = await report(without);
      expect(first).toMatchObject({ verified: false, fault: 'key_missing' });
      expect(await report(written)).toEqual({ id: first.id, verified: true, fault: null });
      expect(await report(without)).toEqual({ id: first.id, verified: true, fault: null });
      const both = await Promise.all([report(said('at once')), report(said('too'))]);
      expect(new Set(both.map(({ id }) => id)).size).toBe(2);
      expect(await queue('open', mallory.userId)).toHaveLength(3);
    });

    it('of a message that its author signed before his device was revoked is good, of a later one not', async () => {
      const before = mallory.write(room, 'before', '2026-01-01T00:00:00.000Z');
      const after = mallory.write(room, 'after', '2026-01-01T00:00:02.000Z');
      mallory.revoke('2026-01-01T00:00:01.000Z');
      for (const { message } of [before, after]) chat.post(message);
      expect(await report(before)).toMatchObject({ verified: true });
      expect(await faultOf(after)).toBe('unknown_device');
    });
  });

  describe('a forged one', () => {
    it('of a text that was changed, or that the reporter encrypted himself, is not verified', async () => {
      const { message, key } = said('hello');
      const own = chat.author(alice).write(room, 'I confess');
      // In the log stands what was really said: the node sees the difference.
      const put = { message: { ...message, content: own.message.content }, key: own.key };
      expect(await faultOf(put)).toBe('not_in_channel');
      // A channel service that lies with the reporter does not help him.
      const forged = { ...message, id: newId('msg'), content: own.message.content };
      chat.post(forged);
      expect(await faultOf({ message: forged, key: own.key })).toBe('bad_signature');
      const signedByAlice = { ...own.message, author: mallory.userId, device: mallory.device, id: newId('msg') };
      chat.post(signedByAlice);
      expect(await faultOf({ message: signedByAlice, key })).toBe('bad_signature');
    });

    it('with the key of another message, or with none, is not verified', async () => {
      const [one, other] = [said('one'), said('other')];
      expect(await faultOf({ message: one.message, key: other.key })).toBe('wrong_key');
      expect(await faultOf({ message: one.message, key: toBase64(randomBytes(32)) })).toBe('wrong_key');
      expect(await faultOf({ message: other.message })).toBe('key_missing');
    });

    it("of somebody else's message as the author's is not verified", async () => {
      const carol = chat.author(somebody('c9y2m7q1'));
      chat.post(carol.write(room, 'first').message);
      const { message, key } = carol.write(room, 'by carol');
      chat.post(message);
      expect(await faultOf({ message: { ...message, author: mallory.userId }, key })).toBe('not_in_channel');
      const asMallory = { ...message, author: mallory.userId, id: newId('msg') };
      chat.post(asMallory);
      expect(await faultOf({ message: asMallory, key })).toBe('unknown_device');
      const withDevice = { ...asMallory, device: mallory.device, id: newId('msg') };
      chat.post(withDevice);
      expect(await faultOf({ message: withDevice, key })).toBe('bad_signature');
    });

    it('of a message of another channel, under another id, or never sent, is not verified', async () => {
      const elsewhere = mallory.write(chat.channel(mallory.userId), 'private, to somebody else');
      chat.post(elsewhere.message);
      expect(await faultOf(elsewhere)).toBe('not_a_member');
      const here = { ...elsewhere.message, channel_id: room };
      expect(await faultOf({ message: here, key: elsewhere.key })).toBe('not_in_channel');
      chat.post(here);
      expect(await faultOf({ message: here, key: elsewhere.key })).toBe('bad_signature');
      const mixed = report({ message: elsewhere.message, key: elsewhere.key }, { channel_id: room });
      expect((await refusalOf(mixed)).details).toMatchObject({ path: 'message.channel_id' });
      expect(await faultOf(mallory.write(room, 'signed, and never sent'))).toBe('not_in_channel');
      const replay = { ...said('once').message, id: newId('msg') };
      chat.post(replay);
      expect(await faultOf({ message: replay, key: elsewhere.key })).toBe('bad_signature');
    });

    it('by somebody who was never a member, or is none any more, is not verified', async () => {
      const written = said('among us');
      const stranger = await reportAs(somebody(node.id), reportOf(written));
      expect(stranger).toMatchObject({ verified: false, fault: 'not_a_member' });
      chat.leave(room, alice);
      expect(await faultOf(written)).toBe('not_a_member');
    });

    it('about an author of whom nobody knows anything is not verified; about oneself it is none', async () => {
      const written = said('by a ghost');
      chat.authors.delete(mallory.userId);
      expect(await faultOf(written)).toBe('unknown_device');
      expect((await refusalOf(reportAs(mallory.userId, reportOf(written)))).details).toEqual({ reason: 'yourself' });
    });
  });

  it('a service that is away is told to the reporter, who tries again; nothing is taken', async () => {
    const written = said('while it was away');
    chat.down = new DcpError('MAINTENANCE_MODE');
    expect((await refusalOf(report(written))).code).toBe('MAINTENANCE_MODE');
    chat.down = undefined;
    expect(await queue('open', mallory.userId)).toEqual([]);
    expect(await report(written)).toMatchObject({ verified: true });
  });

  describe('a flood', () => {
    it('ends at 50 open reports of one user; he goes on when they are settled', async () => {
      const written = Array.from({ length: 51 }, (_, i) => said(`flood ${i}`));
      const ids: string[] = [];
      for (const one of written.slice(0, 50)) ids.push((await report(one)).id);
      const before = chat.asked;
      const refused = await refusalOf(report(written[50] as Written));
      expect(refused).toMatchObject({ code: 'RATE_LIMITED', details: { reason: 'too_many_reports' } });
      // No other service was troubled with it.
      expect(chat.asked).toBe(before);
      expect(await report(written[3] as Written)).toMatchObject({ id: ids[3] });
      const seen: string[] = [];
      for (let after: string | undefined; ;) {
        const query = { state: 'open' as const, author: mallory.userId, after };
        const page = await node.bus.request(TRUST.reports, { session: node.boss, ...query });
        seen.push(...page.reports.map(({ id }) => id));
        if (page.next === undefined) break;
        after = page.next;
      }
      expect(seen).toEqual(ids.toReversed());
      await node.bus.request(TRUST.dismissReport, { session: node.boss, id: ids[0] as string });
      expect(await report(written[50] as Written)).toMatchObject({ verified: true });
    }, 60_000);

    it('never takes the 51st place twice', async () => {
      for (let i = 0; i < 49; i++) await report(said(`one by one ${i}`));
      const results = await Promise.allSettled([1, 2, 3, 4].map((i) => report(said(`all at once ${i}`))));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await queue('open', mallory.userId)).toHaveLength(10);
    }, 60_000);

    it('of all users together ends at 100,000; closed reports make room', async () => {
      const fill = (closed: boolean) => `
        insert into trust_chain.reports (id, reporter, channel_id, message_id, author, timestamp, type, reason, verified, fault, reported, closed)
        select 'rep_${closed ? 'c' : 'o'}' || n, 'somebody' || n, 'c', 'm' || n, 'flooded', '', 'text', 'spam', false, 'not_a_member', now(),
          ${closed ? 'now()' : 'null'}
        from generate_series(1, 100000 - (select count(*) from trust_chain.reports)) n`;
      await node.admin.query('delete from trust_chain.reports where closed is not null');
      await node.admin.query(fill(false));
      expect((await refusalOf(report(said('one too many')))).details).toMatchObject({ reason: 'reports_full' });
      await node.admin.query("delete from trust_chain.reports where author = 'flooded'");
      await node.admin.query(fill(true));
      expect(await report(said('it fits'))).toMatchObject({ verified: true });
      await node.admin.query("delete from trust_chain.reports where author = 'flooded'");
    }, 60_000);
  });

  describe('a decision', () => {
    const judged = (text: string, more: object = {}, action: NewDecision['action'] = 'ban_user') => {
      const written = said(text);
      const settle = async () => {
        const { id } = await report(written);
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
      expect(await shown(id)).toMatchObject({ verified: true, ...closed });
      const { rows } = await node.admin.query('select message, message_key from trust_chain.reports where id = $1', [
        id,
      ]);
      expect(rows).toEqual([{ message: null, message_key: null }]);
      const { rows: entries } = await node.admin.query<{ body: string }>('select body from trust_chain.entries');
      expect(JSON.stringify(entries)).not.toContain(written.key);
      const again = decide(node, { action: 'ban_user', target: mallory.userId, reports: [id] });
      expect((await refusalOf(again)).details).toEqual({ reason: 'report_closed', report: id });
    });

    it('must be about what was reported', async () => {
      const { id } = await report(said('mine'));
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
      expect((await shown(id)).closed).toBeNull();
    });

    it('has no proof where no report was verified', async () => {
      const { id } = await report({ message: said('unproven').message });
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

    it('carries its proof to a second node, which verifies it by itself', async () => {
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

    it('whose proof shows nothing of its target is heard, and marked', async () => {
      await rate(second, node, 'monitored');
      const { message, key } = said('true, and of mallory');
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
  });

  it('goes after 90 days', async () => {
    const { id } = await report(said('long ago'));
    const found = async () =>
      (await node.admin.query('select 1 from trust_chain.reports where id = $1', [id])).rowCount;
    node.clock.advance(89 * 86_400_000);
    await report(said('to see a sweep'));
    expect(await found()).toBe(1);
    node.clock.advance(86_400_000);
    await eventually(async () => expect(await found()).toBe(0), GUARD);
  });

  it('neither keys nor words are in the logs', () => {
    expect(secrets.length).toBeGreaterThan(100);
    for (const secret of secrets) expect(logged.text()).not.toContain(secret);
  });

  it('a channel that nobody knows is no crash', async () => {
    const { message, key } = mallory.write(newChannel(), 'nowhere');
    expect(await faultOf({ message, key })).toBe('not_a_member');
  });
});
