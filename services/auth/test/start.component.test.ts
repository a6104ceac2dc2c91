import { AUTH } from '@dcp/contracts';
import { verifySigned, parseKey } from '@dcp/crypto';
import { createPool, silentLogger } from '@dcp/node-kit';
import { signingInput, withoutSignatures } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createPrisma } from '../src/database.js';
import { addDevice, login, resident, sessionFor } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, ORIGIN, World } from './support/world.js';

describe.each(BOTH_BUSES)('start, stop and the node’s own word over the %s bus', (kind) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(() => world.reset());
  afterAll(() => world.close());

  it('replicas that start together on an empty database are all ready', async () => {
    const replicas = await Promise.all([world.start(), world.start(), world.start()]);
    for (const { health } of replicas) {
      expect(await health.report()).toMatchObject({ ready: true, checks: { 'auth.bus': 'ok', 'auth.database': 'ok' } });
    }
  });

  it('every model of the Prisma schema is in the migrated database', async () => {
    await world.start();
    const alice = await resident(world);
    await addDevice(world, alice, await sessionFor(world, alice));
    const url = await world.postgres.serviceUrl('auth');
    const pool = await createPool({ url, applicationName: 'test', logger: silentLogger });
    const prisma = createPrisma(pool);
    const models = Object.entries(prisma).filter(([name, model]) => !name.startsWith('_') && isModel(model));
    const names = models.map(([name]) => name);
    for (const name of ['account', 'deviceLogEntry', 'session', 'usedChallenge', 'invite', 'retrievalAttempt']) {
      expect(names).toContain(name);
    }
    for (const [, model] of models) await (model as { findFirst(): Promise<unknown> }).findFirst();
    expect(await prisma.account.findFirst({ include: { devices: true } })).toMatchObject({
      userId: alice.userId,
      devices: [{ seq: 1 }],
    });
    await prisma.$disconnect();
    await pool.end();
  });

  it('signs the document of the node, and all replicas say the same', async () => {
    const env = { DCP_PUBLIC_URL: 'https://chat.example.com/', DCP_NODE_NAME: 'Example Community Node' };
    await world.start({ env });
    await world.start({ env });
    const answers = await Promise.all(Array.from({ length: 6 }, () => world.bus.request(AUTH.node, {})));
    const { document, info, policy } = answers[0] as (typeof answers)[0];
    expect(info).toEqual({
      id: world.nodeId,
      name: 'Example Community Node',
      version: '1.0.0',
      features: ['e2ee', 'private-channels', 'direct-messages', 'key-backup'],
    });
    expect(policy).toMatchObject({ registration: 'open', proof_of_work: { bits: 0 } });
    expect(document).toMatchObject({
      ...info,
      endpoints: ['wss://chat.example.com'],
      registration: 'open',
      binding: 'none',
    });
    const [key = ''] = document['keys'] as string[];
    const { signature, ...signed } = document;
    expect(verifySigned(parseKey(key).bytes, signingInput('NODE', signed), String(signature))).toBe(true);
    const bySequence = new Map(answers.map((answer) => [answer.document['sequence'], answer.document]));
    for (const { document: other } of answers)
      expect(withoutSignatures(other)).toEqual(withoutSignatures(bySequence.get(other['sequence']) ?? {}));
  });

  it('keeps its number for a document that has not changed its content', async () => {
    await world.start();
    const before = (await world.bus.request(AUTH.node, {})).document;
    world.clock.advance(100);
    const after = (await world.bus.request(AUTH.node, {})).document;
    // Signed once a second: a post-quantum signature costs too much to make one for every question.
    if (before['sequence'] === after['sequence']) expect(after).toEqual(before);
    world.clock.advance(120_000);
    const later = (await world.bus.request(AUTH.node, {})).document;
    expect(Number(later['sequence'])).toBeGreaterThan(Number(before['sequence']));
  });

  it('a stopping replica finishes what it began', async () => {
    const replica = await world.start();
    const alice = await resident(world);
    const session = await sessionFor(world, alice);
    let asked = false;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.forget = async () => {
      asked = true;
      await released;
    };
    const removing = world.bus.request(AUTH.removeAccount, { session }).catch((error: unknown) => error);
    await eventually(() => expect(asked).toBe(true));
    const stopped = replica.stop();
    release();
    expect(await removing).toEqual({ user_id: alice.userId });
    await stopped;
    expect(await world.rowsNaming(alice.userId)).toBe(0);
    const refusal = await refusalOf(world.bus.request(AUTH.jwks, {}, { timeoutMs: 1_000 }));
    expect(refusal.code).toBe('MAINTENANCE_MODE');
  });

  it('a replica that sweeps stops, though the channel service does not answer', async () => {
    const replica = await world.start({ env: { DCP_SWEEP_MS: '50' } });
    const ghost = await resident(world, { file: { account_type: 'temporary' } });
    let asked = 0;
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    world.forget = async () => {
      asked++;
      await released;
    };
    world.clock.advance(2 * 86_400_000);
    await eventually(() => expect(asked).toBe(1));
    const stopped = replica.stop();
    release();
    await stopped;
    expect(asked).toBe(1);
    expect(await world.rowsNaming(ghost.userId)).toBe(0);
  });

  it('answers 9001 while PostgreSQL is away, and heals by itself', async () => {
    const replica = await world.start();
    const alice = await resident(world);
    await world.postgres.kill();
    expect((await refusalOf(login(world, alice))).code).toBe('MAINTENANCE_MODE');
    expect((await refusalOf(world.bus.request(AUTH.profile, { user_id: alice.userId }))).code).toBe('MAINTENANCE_MODE');
    expect((await replica.health.report()).ready).toBe(false);
    await world.bus.request(AUTH.challenge, { ...ORIGIN, user_id: alice.userId });
    await world.postgres.restart();
    await eventually(() => login(world, alice));
    expect((await replica.health.report()).ready).toBe(true);
  });
});

function isModel(value: unknown): boolean {
  return typeof (value as { findFirst?: unknown } | null)?.findFirst === 'function';
}
