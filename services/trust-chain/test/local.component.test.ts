import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlockedId, PEER, TRUST } from '@dcp/contracts';
import { createPool, silentLogger } from '@dcp/node-kit';
import { captureLogger, eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createPrisma } from '../src/database.js';
import { ban, decide, decisionsAbout, override, rate, somebody } from './support/acts.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, Links, TrustNode } from './support/world.js';

const peer = { node_id: 'aaaabbbb', trust: 'trusted' as const };

describe.each(BOTH_BUSES)("the operator's word over the %s bus", (kind) => {
  let node: TrustNode;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dcp-known-'));
    node = await TrustNode.open(kind, new Links());
    await node.start();
  }, 60_000);
  afterAll(async () => {
    await node.close();
    await rm(folder, { recursive: true, force: true });
  });

  const known = async (...nodes: object[]) => {
    const file = join(folder, 'known.json');
    await writeFile(file, JSON.stringify({ known_nodes: nodes }));
    return file;
  };
  const knownNode = (id: string, trust_level?: string) => ({
    id,
    endpoint: 'wss://chat.example.com',
    name: 'Example Node',
    ...(trust_level === undefined ? {} : { trust_level }),
  });

  it("[DCP-10.1-02] the file of known nodes gives levels; the operator's later word wins over it", async () => {
    const file = await known(knownNode('a7f3k9m2', 'trusted'), knownNode('b8x1n5p4', 'blocked'), knownNode('c9y2m7q1'));
    const env = { DCP_KNOWN_NODES_FILE: file };
    await node.stopReplicas();
    await Promise.all([node.start({ env }), node.start({ env })]);
    expect([await node.level('a7f3k9m2'), await node.level('b8x1n5p4')]).toEqual(['trusted', 'blocked']);
    expect(await node.level('c9y2m7q1')).toBe('unknown');
    await rate(node, 'a7f3k9m2', 'monitored');
    await eventually(() => expect(node.levels).toContainEqual({ node_id: 'a7f3k9m2', level: 'monitored' }));
    await node.stopReplicas();
    await known(knownNode('a7f3k9m2', 'trusted'), knownNode('d1d1d1d1', 'trusted'));
    await node.start({ env });
    expect(await node.level('a7f3k9m2')).toBe('monitored');
    expect([await node.level('b8x1n5p4'), await node.level('d1d1d1d1')]).toEqual(['unknown', 'trusted']);
  }, 60_000);

  it('a file of another shape stops the start', async () => {
    const file = await known({ id: 'not a node' });
    await expect(node.start({ env: { DCP_KNOWN_NODES_FILE: file } })).rejects.toMatchObject({
      code: 'INVALID_MESSAGE_FORMAT',
    });
  });

  it('[DCP-10.3-04] a node of which nobody has spoken is unknown; nobody rates his own', async () => {
    expect(await node.level('new11111')).toBe('unknown');
    expect((await refusalOf(rate(node, node.id, 'trusted'))).details).toEqual({ reason: 'own_node' });
    const wrong = node.bus.request(TRUST.setLevel, {
      session: node.boss,
      node_id: 'new11111',
      level: 'loved' as never,
    });
    expect((await refusalOf(wrong)).code).toBe('INVALID_MESSAGE_FORMAT');
  });

  it('"never" and "always" hold whatever was decided, until they are taken back', async () => {
    const [spared, barred] = [somebody(), somebody()];
    await ban(node, spared);
    await override(node, spared, 'never');
    await override(node, barred, 'always');
    expect(await node.standing(spared)).toEqual({ user_id: spared });
    expect(await node.standing(barred)).toEqual({ user_id: barred, banned_until: null });
    await eventually(() =>
      expect(node.standings.slice(-2)).toEqual([{ user_id: spared }, { user_id: barred, banned_until: null }]),
    );
    expect((await decisionsAbout(node, spared))[0]).toMatchObject({ status: 'applied', in_force: false });
    const { overrides } = await node.bus.request(TRUST.overrides, { session: node.boss });
    expect(overrides).toContainEqual(
      expect.objectContaining({ target: spared, rule: 'never', set_by: node.boss.user_id }),
    );
    await override(node, spared, null);
    await override(node, barred, null);
    expect(await node.standing(spared)).toEqual({ user_id: spared, banned_until: null });
    expect(await node.standing(barred)).toEqual({ user_id: barred });
    expect((await refusalOf(override(node, 'e1e1e1e1', 'always'))).details).toEqual({ reason: 'set_its_level' });
    await decide(node, { action: 'block_node', target: 'e1e1e1e1' });
  });

  it('an appeal stands beside the decision', async () => {
    const { id } = await ban(node, somebody());
    const note = 'my account was stolen; it is mine again';
    expect(await node.bus.request(TRUST.appeal, { session: node.boss, id, note })).toMatchObject({ id, appeal: note });
    const none = node.bus.request(TRUST.appeal, { session: node.boss, id: `${node.id}.99999`, note });
    expect((await refusalOf(none)).code).toBe('MESSAGE_NOT_FOUND');
  });

  it('decisions come in pages, newest first, also when all of them are as long as they may be', async () => {
    const text = 'x'.repeat(7_000);
    const evidence = { type: 'spam', messages: [], timestamp: '2025-09-06T10:30:00Z', text };
    const made: string[] = [];
    const target = somebody();
    for (let at = 0; at < 120; at++) {
      const { id } = await decide(node, { action: 'ban_user', target, evidence });
      made.unshift(id);
    }
    const seen: string[] = [];
    for (let after: string | undefined; ;) {
      const page = await node.bus.request(TRUST.decisions, { session: node.boss, target, after });
      seen.push(...page.decisions.map(({ id }) => id));
      if (page.next === undefined) break;
      after = page.next;
    }
    expect(seen).toEqual(made);
    const { head } = await node.federation.request(PEER.trust_head, { peer, body: {} });
    const body = { after: head.size - 100, up_to: head.size };
    const { entries } = await node.federation.request(PEER.trust_entries, { peer, body });
    expect(entries.length).toBeGreaterThan(10);
    expect(entries.length).toBeLessThan(100);
  }, 60_000);

  it('a block list is tried, imported once, and exported again', async () => {
    const [user, other, spared, until] = [somebody(), somebody(), somebody(), '2026-01-02T00:00:00.000Z'];
    await override(node, spared, 'never');
    await ban(node, other);
    const ids = [user, user, other, 'f2f2f2f2', spared, 'msg_123', node.id, node.boss.user_id];
    const list = (dry_run: boolean) => node.bus.request(TRUST.importList, { session: node.boss, ids, dry_run });
    const report = {
      added: [user, 'f2f2f2f2'],
      present: [other],
      refused: [spared, 'msg_123', node.id, node.boss.user_id],
    };
    expect(await list(true)).toEqual({ ...report, dry_run: true });
    expect(await node.standing(user)).toEqual({ user_id: user });
    expect(await list(false)).toEqual({ ...report, dry_run: false });
    expect(await list(false)).toMatchObject({ added: [], present: [user, other, 'f2f2f2f2'] });
    const temporary = somebody();
    await decide(node, { action: 'temp_ban_user', target: temporary, expires: until });
    const blocked = await exported(node);
    for (const id of [user, other, 'f2f2f2f2']) expect(blocked).toContainEqual({ id, until: null });
    expect(blocked).toContainEqual({ id: temporary, until });
    expect(blocked.map(({ id }) => id)).not.toContain(spared);
  });

  it('replicas that start together on an empty database are ready, and every model is in it', async () => {
    const fresh = await TrustNode.open(kind, new Links());
    const replicas = await Promise.all([fresh.start(), fresh.start(), fresh.start()]);
    const ok = { ready: true, checks: { 'trust-chain.bus': 'ok', 'trust-chain.database': 'ok' } };
    for (const { health } of replicas) expect(await health.report()).toMatchObject(ok);
    await ban(fresh, somebody());
    await rate(fresh, 'a7f3k9m2', 'trusted');
    await override(fresh, somebody(), 'never');
    const url = await fresh.postgres.serviceUrl('trust-chain');
    const pool = await createPool({ url, applicationName: 'test', logger: silentLogger });
    const prisma = createPrisma(pool);
    for (const model of [prisma.level, prisma.log, prisma.entry, prisma.decision, prisma.override] as {
      findFirst(): Promise<unknown>;
    }[])
      expect(await model.findFirst()).not.toBeNull();
    await prisma.$disconnect();
    await pool.end();
    await fresh.close();
  }, 60_000);

  it('logs name no user and no note', async () => {
    const { logger, text } = captureLogger('trust-chain');
    logger.level = 'trace';
    await node.stopReplicas();
    await node.start({ logger });
    const target = somebody();
    await rate(node, 'a7f3k9m2', 'trusted');
    await decide(node, { action: 'ban_user', target, note: 'a very private note' });
    expect(await node.standing(target)).toMatchObject({ banned_until: null });
    await node.stopReplicas();
    expect(text()).not.toContain(target);
    expect(text()).not.toContain('private note');
    await node.start();
  });
});

async function exported(node: TrustNode): Promise<BlockedId[]> {
  const all: BlockedId[] = [];
  for (let after: string | undefined; ;) {
    const { blocked, next } = await node.bus.request(TRUST.exportList, { session: node.boss, after });
    all.push(...blocked);
    if (next === undefined) return all;
    after = next;
  }
}
