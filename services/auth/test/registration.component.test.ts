import { AUTH, type RegisterRequest } from '@dcp/contracts';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { claimsOf, login, person, register, resident, sessionOf } from './support/person.js';
import { literalFile, literalIdentity, without } from './support/literal-file.js';
import { refusalOf } from './support/refusal.js';
import { unworked, WORK_BITS, workFor } from './support/work.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('registering over the %s bus', (kind) => {
  let world: World;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(() => world.reset());
  afterAll(() => world.close());

  const both = async (env: Record<string, string> = {}) => [await world.start({ env }), await world.start({ env })];
  const reasonOf = async (request: Promise<unknown>) => (await refusalOf(request)).details['reason'];

  it('[DCP-4.1-01] takes the literal file of §4.1, with real keys and a real signature', async () => {
    await both();
    const alice = person(world, { name: 'alice-river-7x9k', identity: literalIdentity(), file: literalFile(world) });
    expect(await register(world, alice)).toEqual({ user_id: alice.userId, status: 'active', owner: true });
    expect(claimsOf(await login(world, alice)).sub).toBe(alice.userId);
  });

  it('[DCP-4.2-07] asks for each required member but encrypted_data, and names the one that is missing', async () => {
    await both();
    const paths = ['version', 'identity.full_id', 'identity.home_node_id', 'identity.username', 'identity.public_key'];
    for (const path of [...paths, 'identity.created', 'home_node.endpoint', 'signature']) {
      const { file } = person(world);
      expect(await refusalOf(register(world, { file: without(file, path) }))).toMatchObject({
        code: 'INVALID_MESSAGE_FORMAT',
        details: { path },
      });
    }
    expect(await world.count('accounts')).toBe(0);
  });

  it('[DCP-4.2-06] refuses a file whose identity is not the signed one, and lets preferences change', async () => {
    await both();
    const alice = person(world, { identity: { bio: 'Software developer' } });
    const { signature, identity } = alice.file;
    for (const file of [
      { ...alice.file, identity: { ...identity, bio: 'software developer' } },
      { ...alice.file, signature: person(world).file.signature },
      { ...alice.file, signature: 'ed25519:AAAA' },
      { ...alice.file, signature: `${signature.slice(0, 20)}A${signature.slice(21)}A` },
    ]) {
      const refusal = await refusalOf(register(world, { file }));
      expect(refusal).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path: 'signature' } });
    }
    await register(world, { file: { ...alice.file, preferences: { theme: 'dark' } } });
  });

  it('refuses a key that is none', async () => {
    await both();
    for (const public_key of ['ed25519:AAAA', 'ed25519:AAAC3NzaC1lZDI1NTE5AAAAIOEZpaQF...']) {
      const refusal = await refusalOf(register(world, person(world, { identity: { public_key } })));
      expect(refusal).toMatchObject({
        code: 'INVALID_MESSAGE_FORMAT',
        details: { path: 'identity.public_key' },
      });
    }
  });

  it('[DCP-4.2-02] refuses ids that disagree or belong to another node', async () => {
    await both();
    const foreign = 'zzzzzzzz';
    const cases: [object, string][] = [
      [{ full_id: `${foreign}.alice` }, 'identity.full_id'],
      [{ username: 'somebody-else' }, 'identity.full_id'],
      [{ home_node_id: foreign }, 'identity.full_id'],
      [{ full_id: `${foreign}.alice`, home_node_id: foreign, username: 'alice' }, 'identity.home_node_id'],
    ];
    for (const [identity, path] of cases) {
      const refusal = await refusalOf(register(world, person(world, { name: 'alice', identity })));
      expect(refusal).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path } });
    }
  });

  it('[DCP-4.2-02] gives a username to one of those who ask for it on all replicas', async () => {
    await both();
    const wishes = Array.from({ length: 8 }, () => person(world, { name: 'alice' }));
    const results = await Promise.allSettled(wishes.map((wish) => register(world, wish)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const loser = wishes[results.findIndex(({ status }) => status === 'rejected')] ?? person(world);
    expect(await refusalOf(register(world, loser))).toMatchObject({
      code: 'CONFLICT',
      details: { path: 'identity.username' },
    });
  });

  it('answers the same registration the same, also when both came at once', async () => {
    await both();
    await resident(world);
    const alice = person(world);
    const first = await Promise.all(Array.from({ length: 6 }, () => register(world, alice)));
    const again = await register(world, alice);
    expect(new Set([...first, again].map((answered) => JSON.stringify(answered))).size).toBe(1);
  });

  it('makes the first account of an open node on loopback its owner, and only one of several', async () => {
    await both();
    const people = Array.from({ length: 6 }, () => person(world));
    const answers = await Promise.all(people.map((someone) => register(world, someone)));
    expect(answers.filter(({ owner }) => owner)).toHaveLength(1);
    const owner = people[answers.findIndex(({ owner: owns }) => owns)] ?? person(world);
    expect(sessionOf(await login(world, owner)).admin).toBe(true);
    expect(sessionOf(await login(world, await resident(world))).admin).toBe(false);
  });

  it('lets nobody in who needs an approval, the first account included, without an owner who can give it', async () => {
    await both({ DCP_REGISTRATION: 'approval' });
    const owner = person(world);
    expect(await register(world, owner)).toMatchObject({ owner: true, status: 'active' });
    const later = person(world);
    expect(await register(world, later)).toMatchObject({ owner: false, status: 'pending' });
    const refusal = await refusalOf(login(world, later));
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'approval_pending' } });
  });

  it('closes the door', async () => {
    await both({ DCP_REGISTRATION: 'closed' });
    expect(await reasonOf(register(world, person(world)))).toBe('registration_closed');
  });

  it('on a network asks for an invite; the owner’s makes the owner', async () => {
    const [replica] = await both({ DCP_BOUND_TO: 'network' });
    expect(await reasonOf(register(world, person(world)))).toBe('invite_required');
    expect(await reasonOf(register(world, person(world), { invite: 'guessed' }))).toBe('invite_invalid');
    const invite = await replica?.auth.ownerInvite();
    const owner = person(world);
    expect(await register(world, owner, { invite })).toMatchObject({ owner: true, status: 'active' });
    expect(await register(world, owner, { invite })).toMatchObject({ owner: true });
    expect(await reasonOf(register(world, person(world), { invite }))).toBe('invite_invalid');
    expect(await replica?.auth.ownerInvite()).toBeUndefined();
    expect(await world.rowsNaming(String(invite))).toBe(0);
  });

  it('the owner’s invites that two replicas print are both good, and make one owner', async () => {
    const [one, two] = await both({ DCP_BOUND_TO: 'network' });
    const invites = [await one?.auth.ownerInvite(), await two?.auth.ownerInvite()];
    const results = await Promise.allSettled(invites.map((invite) => register(world, person(world), { invite })));
    const answers = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    expect(answers).toHaveLength(1);
    expect(answers[0]?.owner).toBe(true);
    await world.reset();
    const [again, third] = await both({ DCP_BOUND_TO: 'network' });
    const printedFirst = await again?.auth.ownerInvite();
    await third?.auth.ownerInvite();
    expect(await register(world, person(world), { invite: printedFirst })).toMatchObject({ owner: true });
  });

  it.each(['open', 'approval', 'closed'])(
    'a node on a network that is %s can get an owner too',
    async (registration) => {
      const env = {
        DCP_BOUND_TO: 'network',
        DCP_REGISTRATION: registration,
        DCP_PROOF_OF_WORK_BITS: String(WORK_BITS),
      };
      const [replica] = await both(env);
      const invite = await replica?.auth.ownerInvite();
      expect(invite).toBeDefined();
      const owner = person(world);
      const proof_of_work = await workFor(world, owner.userId);
      expect(await register(world, owner, { invite, proof_of_work })).toMatchObject({ owner: true, status: 'active' });
    },
  );

  it('spends the last use of an invite once, on whichever replica', async () => {
    const [replica] = await both({ DCP_BOUND_TO: 'network' });
    const owner = person(world);
    await register(world, owner, { invite: await replica?.auth.ownerInvite() });
    const session = sessionOf(await login(world, owner));
    const invite = (await world.bus.request(AUTH.createInvite, { session, uses: 2 })).code;
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => register(world, person(world), { invite })),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    const short = (await world.bus.request(AUTH.createInvite, { session, expires_in: 60 })).code;
    world.clock.advance(60_000);
    expect(await reasonOf(register(world, person(world), { invite: short }))).toBe('invite_invalid');
  });

  it('a registration that fails leaves its invite unspent', async () => {
    const [replica] = await both({ DCP_BOUND_TO: 'network' });
    const owner = person(world, { name: 'owner' });
    await register(world, owner, { invite: await replica?.auth.ownerInvite() });
    const session = sessionOf(await login(world, owner));
    const { code: invite } = await world.bus.request(AUTH.createInvite, { session });
    const refusal = await refusalOf(register(world, person(world, { name: 'owner' }), { invite }));
    expect(refusal.code).toBe('CONFLICT');
    await register(world, person(world), { invite });
  });

  it('asks for work where it is told to, and takes each solution once', async () => {
    await both({ DCP_REGISTRATION: 'open', DCP_BOUND_TO: 'network', DCP_PROOF_OF_WORK_BITS: String(WORK_BITS) });
    const [alice, bob] = [person(world), person(world)];
    const withWork = (proof_of_work: RegisterRequest['proof_of_work'], who = alice) =>
      register(world, who, { proof_of_work });
    expect(await reasonOf(register(world, alice))).toBe('proof_of_work_required');
    const work = await workFor(world, alice.userId);
    expect(await reasonOf(withWork(await unworked(world, alice.userId)))).toBe('proof_of_work_invalid');
    expect(await reasonOf(withWork({ ...work, salt: `9${work.salt}` }))).toBe('proof_of_work_invalid');
    expect(await reasonOf(withWork(work, bob))).toBe('proof_of_work_invalid');
    await withWork(work);
    const old = await workFor(world, bob.userId);
    world.clock.advance(10 * 60_000 + 1);
    expect(await reasonOf(withWork(old, bob))).toBe('proof_of_work_expired');
  });

  it('a retrieval hash is 32 bytes of base64', async () => {
    await both();
    for (const retrieval_hash of ['AAAA', '?']) {
      const refusal = await refusalOf(register(world, person(world), { retrieval_hash }));
      expect(refusal).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path: 'retrieval_hash' } });
    }
  });

  it('[DCP-16.3-02] counts registrations and accounts', async () => {
    const replica = await world.start({ env: { DCP_SWEEP_MS: '50' } });
    await resident(world);
    await login(world, await resident(world));
    await refusalOf(register(world, person(world, { identity: { username: 'x' } })));
    const text = await replica.metrics.text();
    expect(text).toMatch(/dcp_registrations_total\{result="active".*\} 2/);
    expect(text).toMatch(/dcp_registrations_total\{result="INVALID_MESSAGE_FORMAT".*\} 1/);
    await eventually(async () => {
      const now = await replica.metrics.text();
      expect(now).toMatch(/dcp_accounts\{.*\} 2/);
      expect(now).toMatch(/dcp_sessions_active\{.*\} 1/);
    });
  });
});
