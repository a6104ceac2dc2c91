import { expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { conformance, ownNode, startOwn, startsNodes } from '../local/conformance.js';
import { Actor, openSocket, refusedUpgrade } from '../stranger/actor.js';
import { expectErrorBody, expectRefused } from '../stranger/errors.js';
import { newMessageId } from '../stranger/actor.js';
import { forgedTokens, jwtVerifies, readJwt } from '../stranger/jwt.js';
import { Key } from '../stranger/keys.js';
import type { NodeUnderTest } from '../stranger/node-under-test.js';
import { Rest } from '../stranger/rest.js';
import { past, until } from '../stranger/until.js';

type Jwks = { keys: { kid: string; x: string; kty: string; crv: string }[] };

async function jwks(node: NodeUnderTest): Promise<Jwks['keys']> {
  const { status, body } = await node.rest.raw<Jwks>('GET', '/.well-known/jwks.json');
  expect(status).toBe(200);
  return body.keys;
}

conformance('§5.3 sessions', (node) => {
  it('[DCP-5.3-01] [DCP-12.3-01] the token is a JWT with EdDSA that the node’s published key verifies', async () => {
    const alice = await Actor.register(node);
    const { header, claims } = readJwt(alice.token);
    expect(header).toMatchObject({ alg: 'EdDSA', kid: expect.any(String) });
    expect(claims).toMatchObject({ sub: alice.userId, jti: expect.any(String) });
    expect(await jwks(node)).toContainEqual(
      expect.objectContaining({ kty: 'OKP', crv: 'Ed25519', kid: header['kid'] }),
    );
    expect(jwtVerifies(alice.token, await jwks(node))).toBe(true);
  });

  it('[DCP-16.4-01] [DCP-5.3-01] alg none, HS256 and altered tokens buy nothing, over REST and at the upgrade', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const [key] = await jwks(node);
    for (const [attack, token] of Object.entries(forgedTokens(alice.token, key ?? { kid: '', x: '' }, bob.userId))) {
      const answer = await new Rest(alice.url, token).get('/accounts/me');
      expect({ attack, status: answer.status }).toEqual({ attack, status: 401 });
      expectRefused(answer, 'INVALID_CREDENTIALS');
      const { status, error } = await refusedUpgrade(alice.url, { headers: { Authorization: `Bearer ${token}` } });
      expect({ attack, status }).toEqual({ attack, status: 401 });
      expectErrorBody(error, 'INVALID_CREDENTIALS');
    }
  });

  it('[DCP-5.3-02] [DCP-12.3-01] a token lives at most eight hours', async () => {
    const { claims } = readJwt((await Actor.register(node)).token);
    expect(claims.exp - claims.iat).toBeLessThanOrEqual(28_800);
    expect(claims.exp * 1_000).toBeGreaterThan(Date.now());
  });

  it('[DCP-12.3-02] a token wants a refresh after four hours, and refreshes never outlive eight hours from the proof', async () => {
    const alice = await Actor.register(node);
    const first = readJwt(alice.token).claims;
    expect(first.refresh_after - first.iat).toBeLessThanOrEqual(14_400);
    const { status, body } = await new Rest(alice.url).post('/auth/refresh', { session_token: alice.token });
    expect({ status, body }).toMatchObject({ status: 200, body: { type: 'auth_success' } });
    const second = readJwt(String(body['session_token'])).claims;
    expect(second).toMatchObject({ sub: alice.userId, jti: first.jti, exp: first.exp });
    const forged = { session_token: `${alice.token.slice(0, -4)}AAAA` };
    expectRefused(await new Rest(alice.url).post('/auth/refresh', forged), 'INVALID_CREDENTIALS');
  });

  it('[DCP-5.3-04] a revoked session is refused over REST and its socket closed', async () => {
    const alice = await Actor.register(node);
    const socket = await alice.connect();
    await socket.ack('update_status', { status: 'online' });
    expect(await alice.rest.delete(`/auth/sessions/${alice.sessionId}`)).toMatchObject({ status: 200 });
    expect(await socket.event('session')).toMatchObject({ reason: 'revoked' });
    expect(await socket.raw.closed).toMatchObject({ code: 4001 });
    expectRefused(await alice.rest.get('/accounts/me'), 'SESSION_EXPIRED');
    const { status, error } = await refusedUpgrade(alice.url, { headers: { Authorization: `Bearer ${alice.token}` } });
    expect(status).toBe(401);
    expectErrorBody(error, 'SESSION_EXPIRED');
    expectRefused(await new Rest(alice.url).post('/auth/refresh', { session_token: alice.token }), 'SESSION_EXPIRED');
  });

  it('[DCP-12.3-03] ending all sessions closes their sockets on every gateway', async () => {
    const alice = await Actor.register(node);
    const phone = await alice.again();
    const sockets = [];
    for (const url of node.running.urls) sockets.push(await alice.via(url).connect(), await phone.via(url).connect());
    for (const socket of sockets) await socket.ack('update_status', { status: 'online' });
    expect(await alice.rest.delete('/auth/sessions')).toMatchObject({ status: 200, body: { revoked: 2 } });
    for (const socket of sockets) expect(await socket.raw.closed).toMatchObject({ code: 4001 });
    for (const url of node.running.urls) {
      const refused = async () => ((await phone.via(url).rest.get('/accounts/me')).status === 401 ? true : undefined);
      await until(refused);
    }
  });

  it('[DCP-12.3-04] every login is a session of its own; ending one leaves the other', async () => {
    const phone = await Actor.register(node);
    const laptop = await phone.again();
    expect(laptop.sessionId).not.toBe(phone.sessionId);
    const [kept, ended] = [await laptop.connect(), await phone.connect()];
    const { body } = await laptop.rest.get<{ sessions: { id: string; current: boolean }[] }>('/auth/sessions');
    expect(body.sessions.map(({ id }) => id).sort()).toEqual([phone.sessionId, laptop.sessionId].sort());
    expect(body.sessions.find(({ current }) => current)?.id).toBe(laptop.sessionId);
    await laptop.rest.delete(`/auth/sessions/${phone.sessionId}`);
    expect(await ended.raw.closed).toMatchObject({ code: 4001 });
    await kept.ack('update_status', { status: 'online' });
    expectRefused(await phone.rest.get('/accounts/me'), 'SESSION_EXPIRED');
  });

  it('nobody ends or sees the sessions of somebody else', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    await bob.rest.delete(`/auth/sessions/${alice.sessionId}`);
    expect(await alice.rest.get('/accounts/me')).toMatchObject({ status: 200 });
    const { body } = await bob.rest.get<{ sessions: { id: string }[] }>('/auth/sessions');
    expect(body.sessions.map(({ id }) => id)).toEqual([bob.sessionId]);
  });

  it('[DCP-12.3-05] [DCP-12.3-07] a device has a key of its own, and loses its session when it is revoked', async () => {
    const alice = await Actor.register(node);
    const laptop = alice.via(alice.url);
    laptop.key = new Key();
    laptop.device = `dev_${newMessageId().slice(4)}`;
    const first = await appendDevice(alice, deviceEntry(alice, laptop, 1, null));
    await laptop.login();
    const room = await laptop.createChannel();
    const socket = await laptop.connect();
    await socket.ack('send_message', laptop.message(room));
    // The identity key does not speak for a session of the device, nor the device for another session.
    await socket.refused('send_message', alice.message(room), 'INSUFFICIENT_PERMISSIONS');
    const { body } = await alice.rest.get<{ entries: { signing_key: string }[] }>(`/users/${alice.userId}/devices`);
    expect(body.entries).toMatchObject([{ device: laptop.device, signing_key: laptop.key.publicKey, action: 'add' }]);
    expect(body.entries[0]?.signing_key).not.toBe(alice.identityKey.publicKey);
    await appendDevice(alice, { ...deviceEntry(alice, laptop, 2, first), action: 'revoke' });
    expect(await socket.raw.closed).toMatchObject({ code: 4001 });
    expectRefused(await laptop.rest.get('/accounts/me'), 'SESSION_EXPIRED');
    const proof = laptop.proof(await laptop.challenge());
    expectRefused(await new Rest(laptop.url).post('/auth/proof', proof), 'INVALID_CREDENTIALS');
    expect(await alice.rest.get('/accounts/me')).toMatchObject({ status: 200 });
  });

  it('[DCP-12.3-05] the device log takes only what the identity key signed and what follows its head', async () => {
    const [alice, mallory] = [await Actor.register(node), await Actor.register(node)];
    const laptop = alice.via(alice.url);
    laptop.key = new Key();
    laptop.device = `dev_${newMessageId().slice(4)}`;
    const entry = deviceEntry(alice, laptop, 1, null);
    const refusal = async (entry: unknown, by = alice) => await by.rest.post('/auth/devices', { entry });
    const forged = { ...entry, signature: mallory.key.signObject('DEVICE', entry) };
    expectRefused(await refusal(forged), 'INVALID_MESSAGE_FORMAT');
    const signed = { ...entry, signature: alice.identityKey.signObject('DEVICE', entry) };
    expect((await refusal(signed, mallory)).status).toBeGreaterThanOrEqual(400);
    const ahead = { ...entry, seq: 2 };
    expectRefused(await refusal({ ...ahead, signature: alice.key.signObject('DEVICE', ahead) }), 'CONFLICT');
    for (const bad of [{}, [], null, 'x', { ...signed, device: 'phone' }, { ...signed, seq: -1 }]) {
      expectRefused(await refusal(bad), 'INVALID_MESSAGE_FORMAT');
    }
    const { body } = await alice.rest.get(`/users/${alice.userId}/devices`);
    expect(body).toMatchObject({ entries: [] });
  });
});

function deviceEntry(owner: Actor, device: Actor, seq: number, prev: string | null) {
  return {
    user_id: owner.userId,
    seq,
    prev,
    action: 'add',
    device: device.device,
    name: 'laptop',
    signing_key: device.key.publicKey,
    exchange_key: `x25519:${new Key().publicKey.slice(8)}`,
    created: new Date().toISOString(),
  };
}

/** Returns the hash of the new head. */
async function appendDevice(owner: Actor, entry: object): Promise<string> {
  const signed = { ...entry, signature: owner.identityKey.signObject('DEVICE', entry) };
  const { status, body } = await owner.rest.post('/auth/devices', { entry: signed });
  expect({ status, body }).toMatchObject({ status: 201 });
  return String(body['hash']);
}

ownNode('§5.3 short lifetimes', { env: { DCP_SESSION_LIFETIME_MS: '9000', DCP_REFRESH_AFTER_MS: '3000' } }, (node) => {
  it('[DCP-5.3-02] [DCP-14.2-03] an expired token gives 1001 over REST and at the upgrade, and its socket closes', async () => {
    const alice = await Actor.register(node);
    const socket = await alice.connect();
    await past(readJwt(alice.token).claims.exp * 1_000);
    expectRefused(await alice.rest.get('/accounts/me'), 'SESSION_EXPIRED');
    const { status, error } = await refusedUpgrade(alice.url, { headers: { Authorization: `Bearer ${alice.token}` } });
    expect(status).toBe(401);
    expectErrorBody(error, 'SESSION_EXPIRED');
    expect(await socket.raw.closed).toMatchObject({ code: 4001 });
    expectRefused(await new Rest(alice.url).post('/auth/refresh', { session_token: alice.token }), 'SESSION_EXPIRED');
  });

  it('[DCP-12.3-02] [DCP-5.3-03] without its refresh a session is refused, after it the socket goes on and hears what it missed', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    const socket = await bob.connect();
    await past(readJwt(bob.token).claims.refresh_after * 1_000);
    await socket.event('session', { reason: 'refresh_required' });
    await socket.refused('get_history', { channel: room.channel }, 'SESSION_EXPIRED');
    expectRefused(await bob.rest.get('/channels'), 'SESSION_EXPIRED');
    await alice.login();
    const missed = alice.message(room);
    await alice.rest.post(`/channels/${room.channel_id}/messages`, missed);
    const success = await socket.auth({ type: 'auth_refresh', session_token: bob.token });
    expect(success).toMatchObject({ type: 'auth_success' });
    await socket.message(String(missed['id']));
    expect(readJwt(String(success['session_token'])).claims.exp).toBe(readJwt(bob.token).claims.exp);
  });
});

ownNode('§5.2 short challenges', { env: { DCP_CHALLENGE_LIFETIME_MS: '1000' }, output: true }, (node) => {
  it('[DCP-5.2-05] a proof that comes after the challenge’s end is refused', async () => {
    const alice = await Actor.register(node);
    const { body } = await new Rest(alice.url).post('/auth/challenge', { user_id: alice.userId });
    await past(String(body['expires']));
    const answer = await new Rest(alice.url).post('/auth/proof', alice.proof(String(body['challenge'])));
    expectRefused(answer, 'INVALID_CREDENTIALS');
    const socket = await openSocket(node, alice.url);
    expect(await alice.loginOn(socket)).toMatchObject({ type: 'auth_success' });
  });

  it('[DCP-15.3-07] a hundred failed logins raise an alert in the log', async () => {
    const alice = await Actor.register(node);
    alice.key = new Key();
    for (let i = 0; i < 100; i++) {
      const proof = alice.proof(await alice.challenge());
      expectRefused(await new Rest(alice.url).post('/auth/proof', proof), 'INVALID_CREDENTIALS');
    }
    const file = node.running.outputFile ?? '';
    await until(async () => ((await readFile(file, 'utf8').catch(() => '')).includes('bruteforce') ? true : undefined));
  });
});

if (startsNodes) {
  it('[DCP-2-03] a node whose id is not 8 of a-z and 0-9 does not start', async () => {
    const starts = ['a7f3k9m', 'a7f3k9m2x', 'a7f3-9m2'].map((id) => startOwn({ env: { DCP_NODE_ID: id } }));
    for (const start of await Promise.allSettled(starts)) {
      expect(start).toMatchObject({ status: 'rejected', reason: { message: expect.stringContaining('DCP_NODE_ID') } });
    }
  }, 120_000);
}
