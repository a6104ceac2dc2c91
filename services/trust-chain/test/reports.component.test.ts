import { TRUST } from '@dcp/contracts';
import { formatKey, generateEd25519KeyPair, randomBytes, type Secret, signDigest, toBase64 } from '@dcp/crypto';
import { DcpError, messageSigningInput } from '@dcp/protocol';
import { captureLogger, eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { somebody } from './support/acts.js';
import { type Author, type Chat, newChannel, newId, type Written } from './support/chat.js';
import { ReportDesk } from './support/report-desk.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, type TrustNode } from './support/world.js';

const GUARD = 20_000;
const MADE_UP = `ed25519:${'A'.repeat(86)}==`;

describe.each(BOTH_BUSES)('reports of messages over the %s bus', (kind) => {
  let desk: ReportDesk;
  let [node, chat, mallory] = [] as unknown as [TrustNode, Chat, Author];
  let [alice, room] = ['', ''];
  const logged = captureLogger('trust-chain');

  beforeAll(async () => {
    logged.logger.level = 'trace';
    desk = await ReportDesk.open(kind, logged.logger);
    ({ node, chat } = desk);
  }, 60_000);
  beforeEach(() => {
    desk.meet();
    ({ alice, mallory, room } = desk);
  });
  afterAll(() => desk.close());

  describe('a true one', () => {
    it('shows administrators what the author wrote, and nobody else', async () => {
      const written = desk.said('you will regret this');
      const receipt = await desk.report(written, { note: 'he does it every day' });
      expect(receipt).toEqual({ id: expect.stringMatching(/^rep_/), verified: true, fault: null });
      expect(await desk.shown(receipt.id)).toEqual({
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
      const { id } = await desk.report({ message: plain });
      expect(await desk.shown(id)).toMatchObject({ verified: true, content: { text: 'readable' } });
      const wiped = desk.said('wiped');
      chat.wipe(wiped.message);
      expect(await desk.report(wiped)).toMatchObject({ verified: true });
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
      expect(await desk.report(byNode(bob, old.seed))).toMatchObject({ verified: true });
      expect(await desk.faultOf(byNode(bob, other.seed))).toBe('bad_signature');
      node.links.join('d4d4d4d4', key(other), () => Promise.reject(new DcpError('NODE_UNREACHABLE')));
      const far = somebody('d4d4d4d4');
      expect(await desk.report(byNode(far, other.seed))).toMatchObject({ verified: true });
      expect(await desk.faultOf(byNode(far, old.seed))).toBe('bad_signature');
    });

    it('is one, however often it comes; a verified one takes the place of one that was not', async () => {
      const written = desk.said('again and again');
      const { key: _key, ...without } = written;
      const first = await desk.report(without);
      expect(first).toMatchObject({ verified: false, fault: 'key_missing' });
      expect(await desk.report(written)).toEqual({ id: first.id, verified: true, fault: null });
      expect(await desk.report(without)).toEqual({ id: first.id, verified: true, fault: null });
      const both = await Promise.all([desk.report(desk.said('at once')), desk.report(desk.said('too'))]);
      expect(new Set(both.map(({ id }) => id)).size).toBe(2);
      expect(await desk.queue('open', mallory.userId)).toHaveLength(3);
    });

    it('of a message that its author signed before his device was revoked is good, of a later one not', async () => {
      const before = mallory.write(room, 'before', '2026-01-01T00:00:00.000Z');
      const after = mallory.write(room, 'after', '2026-01-01T00:00:02.000Z');
      mallory.revoke('2026-01-01T00:00:01.000Z');
      for (const { message } of [before, after]) chat.post(message);
      expect(await desk.report(before)).toMatchObject({ verified: true });
      expect(await desk.faultOf(after)).toBe('unknown_device');
    });
  });

  describe('a forged one', () => {
    it('of a text that was changed, or that the reporter encrypted himself, is not verified', async () => {
      const { message, key } = desk.said('hello');
      const own = chat.author(alice).write(room, 'I confess');
      // In the log stands what was really said: the node sees the difference.
      const put = { message: { ...message, content: own.message.content }, key: own.key };
      expect(await desk.faultOf(put)).toBe('not_in_channel');
      // A channel service that lies with the reporter does not help him.
      const forged = { ...message, id: newId('msg'), content: own.message.content };
      chat.post(forged);
      expect(await desk.faultOf({ message: forged, key: own.key })).toBe('bad_signature');
      const signedByAlice = { ...own.message, author: mallory.userId, device: mallory.device, id: newId('msg') };
      chat.post(signedByAlice);
      expect(await desk.faultOf({ message: signedByAlice, key })).toBe('bad_signature');
    });

    it('with the key of another message, or with none, is not verified', async () => {
      const [one, other] = [desk.said('one'), desk.said('other')];
      expect(await desk.faultOf({ message: one.message, key: other.key })).toBe('wrong_key');
      expect(await desk.faultOf({ message: one.message, key: toBase64(randomBytes(32)) })).toBe('wrong_key');
      expect(await desk.faultOf({ message: other.message })).toBe('key_missing');
    });

    it("of somebody else's message as the author's is not verified", async () => {
      const carol = chat.author(somebody('c9y2m7q1'));
      chat.post(carol.write(room, 'first').message);
      const { message, key } = carol.write(room, 'by carol');
      chat.post(message);
      expect(await desk.faultOf({ message: { ...message, author: mallory.userId }, key })).toBe('not_in_channel');
      const asMallory = { ...message, author: mallory.userId, id: newId('msg') };
      chat.post(asMallory);
      expect(await desk.faultOf({ message: asMallory, key })).toBe('unknown_device');
      const withDevice = { ...asMallory, device: mallory.device, id: newId('msg') };
      chat.post(withDevice);
      expect(await desk.faultOf({ message: withDevice, key })).toBe('bad_signature');
    });

    it('of a message of another channel, under another id, or never sent, is not verified', async () => {
      const elsewhere = mallory.write(chat.channel(mallory.userId), 'private, to somebody else');
      chat.post(elsewhere.message);
      expect(await desk.faultOf(elsewhere)).toBe('not_a_member');
      const here = { ...elsewhere.message, channel_id: room };
      expect(await desk.faultOf({ message: here, key: elsewhere.key })).toBe('not_in_channel');
      chat.post(here);
      expect(await desk.faultOf({ message: here, key: elsewhere.key })).toBe('bad_signature');
      const mixed = desk.report({ message: elsewhere.message, key: elsewhere.key }, { channel_id: room });
      expect((await refusalOf(mixed)).details).toMatchObject({ path: 'message.channel_id' });
      expect(await desk.faultOf(mallory.write(room, 'signed, and never sent'))).toBe('not_in_channel');
      const once = desk.said('once');
      const replay = { ...once.message, id: newId('msg') };
      chat.post(replay);
      expect(await desk.faultOf({ message: replay, key: once.key })).toBe('bad_signature');
    });

    it('by somebody who was never a member, or is none any more, is not verified', async () => {
      const written = desk.said('among us');
      const stranger = await desk.reportAs(somebody(node.id), written);
      expect(stranger).toMatchObject({ verified: false, fault: 'not_a_member' });
      chat.leave(room, alice);
      expect(await desk.faultOf(written)).toBe('not_a_member');
    });

    it('about an author of whom nobody knows anything is not verified; about oneself it is none', async () => {
      const written = desk.said('by a ghost');
      chat.authors.delete(mallory.userId);
      expect(await desk.faultOf(written)).toBe('unknown_device');
      expect((await refusalOf(desk.reportAs(mallory.userId, written))).details).toEqual({ reason: 'yourself' });
    });
  });

  it('a service that is away is told to the reporter, who tries again; nothing is taken', async () => {
    const written = desk.said('while it was away');
    chat.down = new DcpError('MAINTENANCE_MODE');
    expect((await refusalOf(desk.report(written))).code).toBe('MAINTENANCE_MODE');
    chat.down = undefined;
    expect(await desk.queue('open', mallory.userId)).toEqual([]);
    expect(await desk.report(written)).toMatchObject({ verified: true });
  });

  describe('a flood', () => {
    it('ends at 50 open reports of one user; he goes on when they are settled', async () => {
      const written = Array.from({ length: 51 }, (_, i) => desk.said(`flood ${i}`));
      const ids: string[] = [];
      for (const one of written.slice(0, 50)) ids.push((await desk.report(one)).id);
      const before = chat.asked;
      const refused = await refusalOf(desk.report(written[50] as Written));
      expect(refused).toMatchObject({ code: 'RATE_LIMITED', details: { reason: 'too_many_reports' } });
      // No other service was troubled with it.
      expect(chat.asked).toBe(before);
      expect(await desk.report(written[3] as Written)).toMatchObject({ id: ids[3] });
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
      expect(await desk.report(written[50] as Written)).toMatchObject({ verified: true });
    }, 60_000);

    it('never takes the 51st place twice', async () => {
      for (let i = 0; i < 49; i++) await desk.report(desk.said(`one by one ${i}`));
      const results = await Promise.allSettled([1, 2, 3, 4].map((i) => desk.report(desk.said(`all at once ${i}`))));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect(await desk.queue('open', mallory.userId)).toHaveLength(10);
    }, 60_000);

    it('of all users together ends at 100,000; closed reports make room', async () => {
      const fill = (closed: boolean) => `
        insert into trust_chain.reports (id, reporter, channel_id, message_id, author, timestamp, type, reason, verified, fault, reported, closed)
        select 'rep_${closed ? 'c' : 'o'}' || n, 'somebody' || n, 'c', 'm' || n, 'flooded', '', 'text', 'spam', false, 'not_a_member', now(),
          ${closed ? 'now()' : 'null'}
        from generate_series(1, 100000 - (select count(*) from trust_chain.reports)) n`;
      await node.admin.query('delete from trust_chain.reports where closed is not null');
      await node.admin.query(fill(false));
      expect((await refusalOf(desk.report(desk.said('one too many')))).details).toMatchObject({
        reason: 'reports_full',
      });
      await node.admin.query("delete from trust_chain.reports where author = 'flooded'");
      await node.admin.query(fill(true));
      expect(await desk.report(desk.said('it fits'))).toMatchObject({ verified: true });
      await node.admin.query("delete from trust_chain.reports where author = 'flooded'");
    }, 60_000);
  });

  it('goes after 90 days', async () => {
    const { id } = await desk.report(desk.said('long ago'));
    const found = async () =>
      (await node.admin.query('select 1 from trust_chain.reports where id = $1', [id])).rowCount;
    node.clock.advance(89 * 86_400_000);
    await desk.report(desk.said('to see a sweep'));
    expect(await found()).toBe(1);
    node.clock.advance(86_400_000);
    await eventually(async () => expect(await found()).toBe(0), GUARD);
  });

  it('neither keys nor words are in the logs', () => {
    expect(desk.secrets.length).toBeGreaterThan(100);
    for (const secret of desk.secrets) expect(logged.text()).not.toContain(secret);
  });

  it('a channel that nobody knows is no crash', async () => {
    const { message, key } = mallory.write(newChannel(), 'nowhere');
    expect(await desk.faultOf({ message, key })).toBe('not_a_member');
  });
});
