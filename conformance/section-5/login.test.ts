import { describe, expect, it } from '@jest/globals';
import { conformance, localConformance } from '../local/conformance.js';
import { Actor, openSocket, webSocketOf } from '../stranger/actor.js';
import { expectErrorBody, expectRefused } from '../stranger/errors.js';
import { example, memberPaths } from '../stranger/examples.js';
import { randomName } from '../stranger/identity-file.js';
import { at, changed } from '../stranger/json.js';
import { Key } from '../stranger/keys.js';
import { Rest } from '../stranger/rest.js';

conformance('§5 login', (node) => {
  it('[DCP-5.1-01] [DCP-3.3-01] connects, asks for a challenge, signs it, gets a session, hears its channels', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    const socket = await openSocket(node, bob.url);
    expect(await bob.loginOn(socket)).toMatchObject({ type: 'auth_success' });
    const message = alice.message(room);
    await alice.rest.post(`/channels/${room.channel_id}/messages`, message);
    await socket.message(String(message['id']));
  });

  it('[DCP-5.1-01] nothing but the handshake is served before the session: 1000', async () => {
    const alice = await Actor.register(node);
    const socket = await openSocket(node, alice.url);
    for (const command of ['send_message', 'join_channel', 'get_history', 'typing', 'resume', 'no_such_command']) {
      await socket.refused(command, { channel: '#general' }, 'INVALID_CREDENTIALS');
    }
    const proof = await socket.auth({ type: 'auth_proof', ...alice.proof(Buffer.alloc(120).toString('base64')) });
    expectErrorBody(proof.error, 'INVALID_CREDENTIALS');
    expect(await alice.loginOn(socket)).toMatchObject({ type: 'auth_success' });
  });

  it('[DCP-5.2-01] [DCP-5.2-03] answers the request of §5.2 as printed with a challenge of the printed shape', async () => {
    const alice = await Actor.register(node);
    const socket = await openSocket(node, alice.url);
    const printed = example('5.2', 'step 1: challenge request');
    const answer = await socket.auth({ ...printed, user_id: alice.userId });
    for (const path of memberPaths(example('5.2', 'step 2: challenge response'))) expect(answer).toHaveProperty(path);
    expect(answer).toMatchObject({
      type: 'auth_challenge',
      challenge: expect.stringMatching(/^[A-Za-z0-9+/]+={0,2}$/),
    });
    // The printed user is nobody here: a challenge all the same, so that nobody learns who has an account.
    expect(await socket.auth(printed)).toMatchObject({ type: 'auth_challenge' });
  });

  it('[DCP-5.2-03] the challenge names node, endpoint and user, so that it cannot be relayed', async () => {
    const alice = await Actor.register(node);
    const bytes = Buffer.from(await alice.challenge(), 'base64');
    const [prefix, id, endpoint, user, device] = bytes.toString('latin1').split('\0');
    expect([prefix, id, endpoint, user, device]).toEqual([
      'DCP-AUTH-V1',
      await node.id(),
      webSocketOf(alice.url),
      alice.userId,
      '',
    ]);
  });

  it('[DCP-5.2-04] 100 challenges are 100 values of at least 16 bytes', async () => {
    const alice = await Actor.register(node);
    const challenges = await Promise.all(Array.from({ length: 100 }, () => alice.challenge()));
    expect(new Set(challenges).size).toBe(100);
    for (const challenge of challenges) expect(Buffer.from(challenge, 'base64').length).toBeGreaterThanOrEqual(16);
  });

  it('[DCP-5.2-04] a challenge is used once, however many proofs race for it', async () => {
    const alice = await Actor.register(node);
    const proof = alice.proof(await alice.challenge());
    const answers = await Promise.all(Array.from({ length: 8 }, () => new Rest(alice.url).post('/auth/proof', proof)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) expectRefused(answer, 'INVALID_CREDENTIALS');
    expectRefused(await new Rest(alice.url).post('/auth/proof', proof), 'INVALID_CREDENTIALS');
  });

  it('[DCP-5.2-05] a challenge lives five minutes', async () => {
    const alice = await Actor.register(node);
    const { body } = await new Rest(alice.url).post('/auth/challenge', { user_id: alice.userId });
    const [from, to] = [Date.parse(String(body['timestamp'])), Date.parse(String(body['expires']))];
    expect(to - from).toBe(300_000);
    expect(Math.abs(from - Date.now())).toBeLessThan(10_000);
  });

  it('[DCP-5.2-06] the proof of §5.2 with real values is taken; altered or incomplete ones are refused', async () => {
    const alice = await Actor.register(node);
    const rest = new Rest(alice.url);
    const printed = example('5.2', 'step 3: proof of identity');
    const socket = await openSocket(node, alice.url);
    const success = await socket.auth({ ...printed, ...alice.proof(await alice.challenge()) });
    expect(success).toMatchObject({ type: 'auth_success' });
    const good = alice.proof(await alice.challenge());
    for (const path of ['challenge', 'signature']) {
      for (const value of alterations(good[path as keyof typeof good])) {
        expectRefused(await rest.post('/auth/proof', changed(good, path, value)), 'INVALID_CREDENTIALS');
      }
    }
    for (const path of ['challenge', 'signature', 'public_key']) {
      for (const value of [undefined, 7, null, ['x']]) {
        expectRefused(await rest.post('/auth/proof', changed(good, path, value)), 'INVALID_MESSAGE_FORMAT');
      }
    }
    // What was refused did not use up the challenge.
    expect(await rest.post('/auth/proof', good)).toMatchObject({ status: 200 });
  });

  it('[DCP-5.2-07] [DCP-16.4-01] [DCP-14.2-02] a valid signature by another key opens nothing', async () => {
    const [alice, mallory] = [await Actor.register(node), await Actor.register(node)];
    const other = mallory.via(alice.url);
    for (const key of [new Key(), other.identityKey]) {
      const challenge = await alice.challenge();
      const signature = key.sign(Buffer.from(challenge, 'base64'));
      for (const public_key of [key.publicKey, alice.identityKey.publicKey]) {
        const answer = await new Rest(alice.url).post('/auth/proof', { challenge, signature, public_key });
        expectRefused(answer, 'INVALID_CREDENTIALS');
      }
    }
    const nobody = await Actor.stranger(node);
    const unknown = await new Rest(nobody.url).post('/auth/proof', nobody.proof(await nobody.challenge()));
    expectRefused(unknown, 'INVALID_CREDENTIALS');
  });

  it('[DCP-5.2-07] a challenge that was made for another endpoint is refused', async () => {
    const alice = await Actor.register(node);
    const port = new URL(alice.url).port;
    const { body } = await new Rest(`http://localhost:${port}`).post('/auth/challenge', { user_id: alice.userId });
    const answer = await new Rest(alice.url).post('/auth/proof', alice.proof(String(body['challenge'])));
    expectRefused(answer, 'INVALID_CREDENTIALS');
  });

  it('[DCP-5.2-08] [DCP-5.2-09] success has the printed shape; features name only what is served', async () => {
    const alice = await Actor.register(node);
    const socket = await openSocket(node, alice.url);
    const success = await alice.loginOn(socket);
    for (const path of memberPaths(example('5.2', 'step 4: session token'))) expect(success).toHaveProperty(path);
    const hours = (Date.parse(String(success['expires'])) - Date.now()) / 3_600_000;
    expect(hours).toBeGreaterThan(0);
    expect(hours).toBeLessThanOrEqual(8);
    const features = at(success, 'node_info.features') as string[];
    expect(Array.isArray(features)).toBe(true);
    const federation = await node.rest.raw('GET', '/federation/v1');
    expect(features.includes('federation')).toBe(federation.status !== 404);
  });

  it('[DCP-2-03] node ids are 8 of a-z and 0-9', async () => {
    expect(await node.id()).toMatch(/^[a-z0-9]{8}$/);
    const document = await node.rest.raw('GET', '/.well-known/dcp/node.json');
    expect(document).toMatchObject({ status: 200, body: { id: await node.id() } });
  });

  it('[DCP-2-04] user ids are {node-id}.{username}; anything else is refused', async () => {
    const alice = await Actor.register(node);
    expect(alice.userId).toMatch(/^[a-z0-9]{8}\.[a-z0-9][a-z0-9_-]{2,62}$/);
    for (const id of ['alice', `${alice.userId}.x`, alice.userId.toUpperCase(), 'aaaaaaa.alice', '..a', 'a%00b']) {
      expectRefused(await node.rest.post('/auth/challenge', { user_id: id }), 'INVALID_MESSAGE_FORMAT');
      expectRefused(await alice.rest.get(`/users/${encodeURIComponent(id)}`), 'INVALID_MESSAGE_FORMAT');
    }
  });

  describe('bad frames', () => {
    it('refuses mistyped, oversized and hostile members of the handshake with 2000', async () => {
      const alice = await Actor.register(node);
      const socket = await openSocket(node, alice.url);
      const request = { type: 'auth_challenge_request', user_id: alice.userId };
      const frames = [
        { ...request, user_id: undefined },
        { ...request, user_id: 5 },
        { ...request, user_id: `${alice.userId}' OR 1=1 --` },
        { ...request, user_id: 'a'.repeat(10_000) },
        { ...request, device: '../../etc' },
        { ...request, client_info: 'browser' },
        { ...request, client_info: { name: 'x'.repeat(101), version: '1' } },
        { ...request, client_info: { name: 'x', version: '1', capabilities: [1] } },
        { type: 'auth_success', session_token: alice.token },
        { type: 'auth_unknown' },
        { type: '__proto__' },
        { type: 'auth_refresh' },
        { type: 'auth_refresh', session_token: { $ne: '' } },
        { type: 'auth_refresh', session_token: 'x'.repeat(10_000) },
      ];
      for (const frame of frames) {
        expectErrorBody((await socket.auth(frame)).error, 'INVALID_MESSAGE_FORMAT');
      }
      for (const body of ['{', '[]', '""', 'null', '{"user_id":"a","user_id":"b"}']) {
        expectRefused(await node.rest.post('/auth/challenge', body), 'INVALID_MESSAGE_FORMAT');
      }
    });
  });
});

/** Same length, another content; and shorter. */
function alterations(value: string): string[] {
  const [prefix, body] = value.startsWith('ed25519:') ? ['ed25519:', value.slice(8)] : ['', value];
  const bytes = Buffer.from(body, 'base64');
  const flipped = [0, bytes.length >> 1, bytes.length - 1].map((at) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  });
  return [...flipped, bytes.subarray(1), bytes.subarray(0, 20)].map((copy) => prefix + copy.toString('base64'));
}

localConformance('§5 suspended accounts', (node) => {
  it('[DCP-14.2-05] [DCP-12.3-03] a suspended user is told 1003 after a correct proof, and his sockets close at once', async () => {
    const bob = await Actor.register(node);
    const socket = await bob.connect();
    await socket.ack('get_history', { channel: (await bob.createChannel()).channel });
    const owner = await ownerOf(node);
    expect(await owner.rest.post(`/admin/users/${bob.userId}/suspend`)).toMatchObject({ status: 200 });
    expect(await socket.raw.closed).toMatchObject({ code: 4001 });
    expectRefused(await bob.rest.get('/accounts/me'), 'SESSION_EXPIRED');
    const proof = () =>
      bob.challenge().then((challenge) => new Rest(bob.url).post('/auth/proof', bob.proof(challenge)));
    expectRefused(await proof(), 'ACCOUNT_SUSPENDED');
    bob.key = new Key();
    expectRefused(await proof(), 'INVALID_CREDENTIALS');
    bob.key = bob.identityKey;
    expect(await owner.rest.post(`/admin/users/${bob.userId}/unsuspend`)).toMatchObject({ status: 200 });
    await bob.login();
  });

  it('[DCP-14.2-04] only the owner administers: 1002 for everybody else', async () => {
    const [alice, owner] = [await Actor.register(node), await ownerOf(node)];
    for (const path of [
      `/admin/users/${owner.userId}/suspend`,
      `/admin/users/${alice.userId}/approve`,
      '/admin/invites',
    ]) {
      expectRefused(await alice.rest.post(path, {}), 'INSUFFICIENT_PERMISSIONS');
    }
    for (const path of ['/admin/pending', '/admin/invites']) {
      expectRefused(await alice.rest.get(path), 'INSUFFICIENT_PERMISSIONS');
    }
    const unknown = `${await node.id()}.nobody-${randomName(8)}`;
    expectRefused(await owner.rest.post(`/admin/users/${unknown}/suspend`), 'USER_NOT_FOUND');
    for (const body of [{ uses: 0 }, { uses: 'x' }, { expires_in: 1 }, { uses: 1e9 }]) {
      expectRefused(await owner.rest.post('/admin/invites', body), 'INVALID_MESSAGE_FORMAT');
    }
  });
});

async function ownerOf(node: Parameters<typeof Actor.stranger>[0]): Promise<Actor> {
  const { key, userId } = node.owner();
  const stranger = await Actor.stranger(node, { username: userId.slice(9) });
  const owner = new Actor(node, stranger.url, key, stranger.file);
  await owner.login();
  return owner;
}
