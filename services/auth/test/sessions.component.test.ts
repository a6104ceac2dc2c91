import { AUTH, type PublicJwk, type Session, type TokenClaims } from '@dcp/contracts';
import { fromBase64, fromUtf8, hmacSha256, sign, toBase64, toUtf8, verify } from '@dcp/crypto';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { claimsOf, keyPair, login, type Person, proofOf, prove, resident, sessionFor } from './support/person.js';
import { sessionOf } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, ORIGIN, World } from './support/world.js';

const HOUR = 3_600_000;

describe.each(BOTH_BUSES)('sessions over the %s bus', (kind) => {
  let world: World;
  let owner: Person;
  let alice: Person;

  beforeAll(async () => {
    world = await World.open(kind);
  });
  beforeEach(async () => {
    await world.reset();
    await world.start();
    await world.start();
    owner = await resident(world);
    alice = await resident(world);
  });
  afterAll(() => world.close());

  const refresh = (session_token: string) => world.bus.request(AUTH.refresh, { ...ORIGIN, session_token });
  const list = async (session: Session) => (await world.bus.request(AUTH.sessions, { session })).sessions;
  const revoke = (session: Session, id?: string) => world.bus.request(AUTH.revoke, { session, id });

  it('[DCP-5.3-01] [DCP-12.3-01] signs tokens with Ed25519, as the published key verifies', async () => {
    const { session_token } = await login(world, alice);
    const [head = '', body = '', signature = ''] = session_token.split('.');
    const header = JSON.parse(fromUtf8(fromBase64(head))) as Record<string, unknown>;
    const { keys } = await world.bus.request(AUTH.jwks, {});
    const jwk = keys.find(({ kid }) => kid === header['kid']);
    expect(header).toEqual({ alg: 'EdDSA', typ: 'JWT', kid: jwk?.kid });
    expect(jwk).toMatchObject({ kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig' });
    expect(session_token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(verify(fromBase64(jwk?.x ?? ''), toUtf8(`${head}.${body}`), fromBase64(signature))).toBe(true);
  });

  it('[DCP-5.3-02] [DCP-12.3-01] [DCP-12.3-02] gives a token eight hours at most, four of them without a refresh', async () => {
    const success = await login(world, alice);
    const { iat, exp, refresh_after } = claimsOf(success);
    expect(exp - iat).toBe(8 * 3600);
    expect(refresh_after - iat).toBe(4 * 3600);
    expect(exp * 1000).toBeLessThanOrEqual(world.clock.now() + 8 * HOUR);
    expect(Date.parse(success.expires)).toBe(exp * 1000);
    expect(Date.parse(success.refresh_after ?? '')).toBe(refresh_after * 1000);
  });

  it('[DCP-5.3-03] [DCP-12.3-02] refreshes past four hours, and keeps the end where the proof put it', async () => {
    const first = await login(world, alice);
    world.clock.advance(5 * HOUR);
    const second = await refresh(first.session_token);
    const [before, after] = [claimsOf(first), claimsOf(second)];
    expect(after).toMatchObject({ jti: before.jti, exp: before.exp, iat: before.iat + 5 * 3600, key: before.key });
    expect(after.refresh_after).toBe(after.exp);
    expect(second).toMatchObject({ expires: first.expires, session_id: first.session_id, user_id: alice.userId });
    world.clock.advance(3 * HOUR - 501);
    await refresh(second.session_token);
    world.clock.advance(1_000);
    const refusal = await refusalOf(refresh(second.session_token));
    expect(refusal).toMatchObject({ code: 'SESSION_EXPIRED', details: { reason: 'expired' } });
  });

  it('[DCP-16.4-01] refreshes nothing but its own tokens', async () => {
    const { session_token } = await login(world, alice);
    const [head = '', body = '', signature = ''] = session_token.split('.');
    const claims = JSON.parse(fromUtf8(fromBase64(body))) as TokenClaims;
    const { keys } = await world.bus.request(AUTH.jwks, {});
    const { kid, x } = keys[0] as PublicJwk;
    const admin = part({ ...claims, admin: true });
    const none = part({ alg: 'none', typ: 'JWT' });
    const hs256 = `${part({ alg: 'HS256', typ: 'JWT', kid })}.${body}`;
    const own = `${part({ alg: 'EdDSA', typ: 'JWT', kid })}.${admin}`;
    const forged = [
      `${none}.${body}.`,
      `${none}.${body}.${signature}`,
      `${hs256}.${text(hmacSha256(fromBase64(x), toUtf8(hs256)))}`,
      `${own}.${text(sign(keyPair().seed, toUtf8(own)))}`,
      `${head}.${admin}.${signature}`,
      `${head}.${body}.${text(new Uint8Array(64))}`,
      `${session_token}.`,
      `${head}.${body}`,
      'no token',
      '',
    ];
    for (const token of forged) {
      expect({ token, code: (await refusalOf(refresh(token))).code }).toEqual({ token, code: 'INVALID_CREDENTIALS' });
    }
  });

  it('[DCP-12.3-04] [DCP-5.3-04] gives every login its own session; ending one leaves the other', async () => {
    const client_info = { name: 'Phone', version: '1.0.0' };
    const proof = { ...ORIGIN, ...(await proofOf(world, alice)), client_info };
    const phone = await world.bus.request(AUTH.proof, proof);
    world.clock.advance(1_000);
    const laptop = await login(world, alice);
    const session = sessionOf(laptop);
    const listed = await list(session);
    expect(listed.map(({ id }) => id)).toEqual([phone.session_id, laptop.session_id]);
    expect(listed.map(({ current }) => current)).toEqual([false, true]);
    expect(listed[0]).toMatchObject({ client_info, device: null, expires: expect.stringMatching(/Z$/) });

    expect(await revoke(session, phone.session_id)).toEqual({ revoked: 1 });
    await eventually(() => expect(world.revoked).toHaveLength(1));
    expect(world.revoked[0]).toMatchObject({
      user_id: alice.userId,
      session_ids: [phone.session_id],
      reason: 'revoked',
    });
    expect(world.revoked[0]?.expires).toBeGreaterThanOrEqual(claimsOf(phone).exp);
    expect(await refusalOf(refresh(phone.session_token))).toMatchObject({ code: 'SESSION_EXPIRED' });
    await refresh(laptop.session_token);
    expect(await list(session)).toHaveLength(1);
    expect(await world.revocations()).toEqual(new Map([[phone.session_id, world.revoked[0]?.expires]]));
  });

  it('ends all of them, says logout for one’s own, and nothing for those of others', async () => {
    const [one, two] = [await sessionFor(world, alice), await sessionFor(world, alice)];
    const others = await sessionFor(world, owner);
    expect(await revoke(others, one.session_id)).toEqual({ revoked: 0 });
    expect(await revoke(one, one.session_id)).toEqual({ revoked: 1 });
    expect(await revoke(one, one.session_id)).toEqual({ revoked: 0 });
    const three = await sessionFor(world, alice);
    expect(await revoke(three)).toEqual({ revoked: 2 });
    await eventually(() => expect(world.revoked).toHaveLength(2));
    expect(world.revoked.map(({ reason }) => reason)).toEqual(['logout', 'revoked']);
    expect(new Set(world.revoked[1]?.session_ids)).toEqual(new Set([two.session_id, three.session_id]));
    expect(await list(others)).toHaveLength(1);
  });

  it('tells all revocations that matter, however many there are, and forgets those whose tokens are over', async () => {
    const { session_id } = await sessionFor(world, alice);
    const now = new Date(world.clock.now());
    const end = new Date(world.clock.now() + HOUR);
    await world.admin.query(
      `insert into auth.sessions (id, user_id, key, created_at, refreshed_at, expires_at, revoked_at)
       select 'ses_many' || n, $1, 'ed25519:', $2, $2, $3, $2 from generate_series(1, 25000) n`,
      [alice.userId, now, end],
    );
    const all = await world.revocations();
    expect(all.size).toBe(25_000);
    expect(all.has(session_id)).toBe(false);
    world.clock.advance(HOUR);
    expect((await world.revocations()).size).toBe(0);
  });

  it('lists the sessions of somebody who has very many, and describes them at length', async () => {
    const session = await sessionFor(world, alice);
    const [now, end] = [new Date(world.clock.now()), new Date(world.clock.now() + HOUR)];
    const info = {
      name: 'x'.repeat(100),
      version: '1',
      capabilities: Array.from({ length: 40 }, () => 'y'.repeat(40)),
    };
    await world.admin.query(
      `insert into auth.sessions (id, user_id, key, client_info, created_at, refreshed_at, expires_at)
       select 'ses_many' || n, $1, 'ed25519:', $4, $2, $2, $3 from generate_series(1, 2000) n`,
      [alice.userId, now, end, info],
    );
    expect((await list(session)).length).toBeGreaterThanOrEqual(100);
    expect((await list(session)).some(({ current }) => current)).toBe(true);
  });

  it('[DCP-14.2-05] [DCP-12.3-03] no session survives a suspension that came while its proof was checked', async () => {
    const admin = await sessionFor(world, owner);
    const challenge = await proofOf(world, alice);
    const release = await holdChallenge(world, challenge.challenge);
    const proving = prove(world, challenge).then(
      () => 'opened',
      (error: { code?: string }) => error.code,
    );
    await eventually(async () => expect(await waiting(world)).toBe(1));
    await world.bus.request(AUTH.suspend, { session: admin, user_id: alice.userId, suspended: true });
    await release();
    expect(await proving).toBe('ACCOUNT_SUSPENDED');
    expect(await liveSessions(world, alice)).toBe(0);
  });

  it('no session survives a removal that came while its proof was checked', async () => {
    const session = await sessionFor(world, alice);
    const challenge = await proofOf(world, alice);
    const release = await holdChallenge(world, challenge.challenge);
    const proving = prove(world, challenge).then(
      () => 'opened',
      (error: { code?: string }) => error.code,
    );
    await eventually(async () => expect(await waiting(world)).toBe(1));
    await world.bus.request(AUTH.removeAccount, { session });
    await release();
    expect(await proving).toBe('INVALID_CREDENTIALS');
    expect(await world.rowsNaming(alice.userId)).toBe(0);
  });
});

function text(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

function part(value: object): string {
  return text(toUtf8(JSON.stringify(value)));
}

/** Another replica is just using this challenge: whoever uses it too waits until that one gives up. */
async function holdChallenge(world: World, challenge: string): Promise<() => Promise<void>> {
  const client = await world.admin.connect();
  await client.query('begin');
  const text = `insert into auth.used_challenges (hash, expires_at) values (sha256($1), now() + interval '1 hour')`;
  await client.query(text, [fromBase64(challenge)]);
  return async () => {
    await client.query('rollback');
    client.release();
  };
}

/** Statements of the service that wait for a lock. */
async function waiting(world: World): Promise<number> {
  const text = `select count(*)::int as n from pg_stat_activity
    where datname = current_database() and application_name = 'auth' and wait_event_type = 'Lock'`;
  return (await world.admin.query<{ n: number }>(text)).rows[0]?.n ?? 0;
}

async function liveSessions(world: World, { userId }: Person): Promise<number> {
  const revoked = await world.revocations();
  const { rows } = await world.admin.query<{ id: string }>('select id from auth.sessions where user_id = $1', [userId]);
  return rows.filter(({ id }) => !revoked.has(id)).length;
}
