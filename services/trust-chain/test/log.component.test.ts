import { PEER, TRUST } from '@dcp/contracts';
import {
  formatHash,
  merkleLeafHash,
  parseHash,
  parseKey,
  sha256,
  toUtf8,
  verifyInclusion,
  verifySigned,
} from '@dcp/crypto';
import { canonicalJson, signingInput, type TrustEntry } from '@dcp/protocol';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ban, decide, lift, somebody } from './support/acts.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, Links, TrustNode } from './support/world.js';

const peer = { node_id: 'aaaabbbb', trust: 'trusted' as const };

describe.each(BOTH_BUSES)("the node's own log over the %s bus", (kind) => {
  let node: TrustNode;

  beforeAll(async () => {
    node = await TrustNode.open(kind, new Links());
    await Promise.all([node.start(), node.start(), node.start()]);
  }, 60_000);
  afterAll(() => node.close());

  const wholeLog = async (): Promise<TrustEntry[]> => {
    const { head } = await node.federation.request(PEER.trust_head, { peer, body: {} });
    const entries: TrustEntry[] = [];
    while (entries.length < head.size) {
      const body = { after: entries.length, up_to: head.size };
      entries.push(...(await node.federation.request(PEER.trust_entries, { peer, body })).entries);
    }
    return entries;
  };

  it('replicas that decide at the same time write one gapless, linked and signed log', async () => {
    await Promise.all(Array.from({ length: 30 }, () => ban(node, somebody())));
    const log = await wholeLog();
    expect(log.map(({ seq }) => seq)).toEqual(log.map((_, at) => at + 1));
    for (const [at, entry] of log.entries()) {
      const before = log[at - 1];
      expect(entry.prev).toBe(before === undefined ? null : formatHash(sha256(signingInput('TRUST', before))));
      expect(verifySigned(parseKey(node.key).bytes, signingInput('TRUST', entry), entry.signature)).toBe(true);
      expect(entry).toMatchObject({ issuer: node.id, by: node.boss.user_id });
    }
  });

  it('proves each entry against the signed head', async () => {
    await ban(node, somebody());
    const { entry, head, proof } = await node.bus.request(TRUST.proof, { session: node.boss, seq: 2 });
    expect(verifySigned(parseKey(node.key).bytes, signingInput('TRUST', head), head.signature)).toBe(true);
    const leafHash = merkleLeafHash(toUtf8(canonicalJson(entry)));
    const claim = { leafHash, index: 1, size: head.size, root: parseHash(head.root), proof: proof.map(parseHash) };
    expect(verifyInclusion(claim)).toBe(true);
    expect(verifyInclusion({ ...claim, index: 2 })).toBe(false);
    const { code } = await refusalOf(node.bus.request(TRUST.proof, { session: node.boss, seq: 9_999 }));
    expect(code).toBe('MESSAGE_NOT_FOUND');
  });

  it('the database itself refuses to change, remove, skip or repeat an entry', async () => {
    await ban(node, somebody());
    const copy = (seq: string) =>
      `insert into trust_chain.entries select issuer, generation, ${seq}, hash, leaf_hash, body, received_at from trust_chain.entries where seq = 1`;
    const client = await node.admin.connect();
    await client.query('set search_path to trust_chain');
    for (const attempt of [
      `update trust_chain.entries set body = '{}' where seq = 1`,
      'delete from trust_chain.entries where seq = 1',
      'truncate trust_chain.entries cascade',
      copy('(select max(seq) + 2 from trust_chain.entries)'),
      copy('1'),
    ])
      await expect(client.query(attempt)).rejects.toThrow(/append-only|does not follow/);
    client.release();
  });

  it('an entry carries what its action needs, and nothing else is taken', async () => {
    const target = somebody();
    const temporary = { action: 'temp_ban_user' as const, target };
    for (const wrong of [
      temporary,
      { ...temporary, expires: '2025-01-01T00:00:00Z' },
      { action: 'ban_user' as const, target, expires: '2026-02-01T00:00:00Z' },
      { action: 'ban_user' as const, target: 'msg_123' },
      { action: 'ban_user' as const, target, per_minute: 3 },
      { action: 'rate_limit_user' as const, target },
      { action: 'block_node' as const, target },
      { action: 'flag_content' as const, target },
      { action: 'lift' as never, target },
    ])
      expect((await refusalOf(decide(node, wrong))).code).toBe('INVALID_MESSAGE_FORMAT');
    expect((await refusalOf(ban(node, node.boss.user_id))).details).toEqual({ reason: 'yourself' });
    const evidence = { type: 'spam', messages: ['msg_123', 'msg_456'], timestamp: '2025-09-06T10:30:00Z' };
    const decided = await decide(node, { action: 'ban_user', target, evidence, note: 'seen by two of us' });
    expect(decided).toMatchObject({ evidence, note: 'seen by two of us', by: node.boss.user_id, status: 'applied' });
    expect((await wholeLog()).at(-1)).toMatchObject({ evidence, note: 'seen by two of us', target });
  });

  it('what is taken back stays in the log, and ends', async () => {
    const target = somebody();
    const { id, seq } = await ban(node, target);
    expect(await node.standing(target)).toEqual({ user_id: target, banned_until: null });
    const lifted = await lift(node, id);
    expect(lifted).toMatchObject({ id, in_force: false, lifted_at: expect.any(String) });
    expect(await lift(node, id)).toEqual(lifted);
    expect(await node.standing(target)).toEqual({ user_id: target });
    const log = await wholeLog();
    expect(log.filter((entry) => entry.target === target).map(({ action }) => action)).toEqual(['ban_user', 'lift']);
    expect(log.at(-1)).toMatchObject({ action: 'lift', lifts: seq });
  });

  it('only administrators decide or look', async () => {
    const session = node.session();
    const target = somebody();
    const asked = [
      node.bus.request(TRUST.decide, { session, decision: { action: 'ban_user', target } }),
      node.bus.request(TRUST.lift, { session, id: `${node.id}.1` }),
      node.bus.request(TRUST.decisions, { session }),
      node.bus.request(TRUST.judge, { session, id: `${node.id}.1`, verdict: 'approve' }),
      node.bus.request(TRUST.appeal, { session, id: `${node.id}.1`, note: null }),
      node.bus.request(TRUST.setLevel, { session, node_id: 'aaaabbbb', level: 'trusted' }),
      node.bus.request(TRUST.overrides, { session }),
      node.bus.request(TRUST.setOverride, { session, target, rule: 'never' }),
      node.bus.request(TRUST.importList, { session, ids: [target], dry_run: true }),
      node.bus.request(TRUST.exportList, { session }),
      node.bus.request(TRUST.preview, { session, node_id: 'aaaabbbb' }),
      node.bus.request(TRUST.logs, { session }),
      node.bus.request(TRUST.refollow, { session, node_id: 'aaaabbbb' }),
      node.bus.request(TRUST.proof, { session, seq: 1 }),
    ];
    const refusals = await Promise.all(asked.map(refusalOf));
    expect(new Set(refusals.map(({ code }) => code))).toEqual(new Set(['INSUFFICIENT_PERMISSIONS']));
  });
});
