import { AUTH } from '@dcp/contracts';
import { fromBase64, fromUtf8, toBase64 } from '@dcp/crypto';
import { authSuccess, challengeFrame } from '@dcp/protocol';
import { captureLogger } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { addDevice, answer, claimsOf, keyPair, login, newDevice } from './support/person.js';
import { person, type Person, type Proof, proofOf, prove, resident, sessionOf } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, type Instance, ORIGIN, World } from './support/world.js';

const REFUSED = { code: 'INVALID_CREDENTIALS', message: 'Authentication failed', details: {} };

describe.each(BOTH_BUSES)('logging in over the %s bus', (kind) => {
  let world: World;
  let replica: Instance;
  let alice: Person;

  beforeAll(async () => {
    world = await World.open(kind);
    replica = await world.start();
    await world.start();
    await resident(world);
    alice = await resident(world);
  });
  afterAll(() => world.close());

  const challengeFor = (user_id: string) => world.bus.request(AUTH.challenge, { ...ORIGIN, user_id });

  it('[DCP-5.2-01] [DCP-5.2-03] answers the literal request with a challenge of the literal shape', async () => {
    const client_info = {
      name: 'Reference Client',
      version: '1.0.0',
      capabilities: ['voice', 'screen_share', 'media'],
    };
    const request = { ...ORIGIN, user_id: alice.userId, client_info };
    const frame = await world.bus.request(AUTH.challenge, request);
    expect(challengeFrame.parse(frame)).toEqual(frame);
    expect(Object.keys(frame).sort()).toEqual(['challenge', 'expires', 'timestamp', 'type']);
  });

  it('names node, endpoint, user, device and expiry in the challenge, as the profile lays it out', async () => {
    const device = 'dev_aaaaaaaaaaaaaaaa';
    const frame = await world.bus.request(AUTH.challenge, { ...ORIGIN, user_id: alice.userId, device });
    const bytes = fromBase64(frame.challenge);
    const fields = fromUtf8(bytes.subarray(0, bytes.length - 33)).split('\0');
    const expires = String(Date.parse(frame.expires));
    expect(fields).toEqual(['DCP-AUTH-V1', world.nodeId, ORIGIN.endpoint, alice.userId, device, expires]);
    expect(bytes.at(-33)).toBe(0);
  });

  it('[DCP-5.2-04] gives fresh random bytes every time', async () => {
    const frames = await Promise.all(Array.from({ length: 100 }, () => challengeFor(alice.userId)));
    const randoms = frames.map(({ challenge }) => toBase64(fromBase64(challenge).slice(-32, -16)));
    expect(new Set(randoms).size).toBe(100);
  });

  it('[DCP-5.2-05] lets a challenge live five minutes, not a millisecond longer', async () => {
    const frame = await challengeFor(alice.userId);
    expect(Date.parse(frame.expires) - Date.parse(frame.timestamp)).toBe(300_000);
    const [early, late] = [await proofOf(world, alice), await proofOf(world, alice)];
    world.clock.advance(299_999);
    await prove(world, early);
    world.clock.advance(1);
    const refusal = await refusalOf(prove(world, late));
    expect(refusal).toEqual({ ...REFUSED, details: { reason: 'challenge_expired' } });
  });

  it('[DCP-5.2-08] [DCP-5.2-06] answers the literal proof with the literal success', async () => {
    const success = await login(world, alice);
    expect(authSuccess.parse(success)).toEqual(success);
    expect(success.node_info).toEqual({
      id: world.nodeId,
      name: 'DCP home node',
      version: '1.0.0',
      features: ['e2ee', 'private-channels', 'direct-messages', 'key-backup'],
    });
    const ahead = Date.parse(success.expires) - world.clock.now();
    expect(ahead).toBeLessThanOrEqual(8 * 3_600_000);
    expect(ahead).toBeGreaterThan(8 * 3_600_000 - 1_000);
    expect(claimsOf(success)).toMatchObject({ iss: world.nodeId, sub: alice.userId, device: null });
  });

  it('[DCP-5.2-04] takes a proof once, whichever replica gets it', async () => {
    const proof = await proofOf(world, alice);
    const results = await Promise.allSettled(Array.from({ length: 12 }, () => prove(world, proof)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const refusal = await refusalOf(prove(world, proof));
    expect(refusal).toEqual({ ...REFUSED, details: { reason: 'challenge_used' } });
  });

  it('[DCP-16.4-01] takes no proof again in another spelling of its bytes', async () => {
    const proof = await proofOf(world, alice);
    await prove(world, proof);
    const spelled = proof.challenge.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    expect(await refusalOf(prove(world, { ...proof, challenge: spelled }))).toMatchObject({ code: REFUSED.code });
  });

  it('[DCP-5.1-01] [DCP-5.2-06] [DCP-5.2-07] [DCP-14.2-02] refuses every false proof in the same words', async () => {
    const mallory = await resident(world);
    const good = await proofOf(world, alice);
    const { challenge } = await challengeFor(alice.userId);
    const flipped = fromBase64(challenge);
    flipped[20] = (flipped[20] ?? 0) ^ 1;
    const proofs: [string, Proof][] = [
      ['another user’s key', answer(challenge, mallory.key)],
      ['a key of nobody', answer(challenge, keyPair())],
      [
        'another user’s key under the right name',
        { ...answer(challenge, mallory.key), public_key: alice.key.publicKey },
      ],
      [
        'the right signature, another key named',
        { ...answer(challenge, alice.key), public_key: mallory.key.publicKey },
      ],
      ['the signature of another challenge', { ...answer(challenge, alice.key), signature: good.signature }],
      ['an altered challenge', answer(toBase64(flipped), alice.key)],
      ['an invented challenge', answer(toBase64(new Uint8Array(200)), alice.key)],
      ['a short challenge', answer(toBase64(new Uint8Array(3)), alice.key)],
      ['no base64', { ...good, challenge: 'abc...' }],
      ['a signature of wrong length', { ...answer(challenge, alice.key), signature: 'ed25519:AAAA' }],
      ['a key of wrong length', { ...answer(challenge, alice.key), public_key: 'ed25519:AAAA' }],
      ['a user who does not exist', await proofOf(world, person(world))],
      ['a device that does not exist', await proofOf(world, alice, newDevice())],
    ];
    for (const [what, proof] of proofs) {
      expect({ what, ...(await refusalOf(prove(world, proof))) }).toEqual({ what, ...REFUSED });
    }
    await prove(world, good);
  });

  it('[DCP-16.4-01] refuses a proof that was relayed from another endpoint', async () => {
    const proof = await proofOf(world, alice);
    expect(await refusalOf(prove(world, proof, { endpoint: 'wss://evil.example.com' }))).toEqual(REFUSED);
    expect(await refusalOf(prove(world, proof, { endpoint: 'ws://chat.example.com' }))).toEqual(REFUSED);
  });

  it('a challenge for the identity key is not answered by a device, nor the other way round', async () => {
    const device = await addDevice(world, alice, sessionOf(await login(world, alice)));
    const { challenge } = await challengeFor(alice.userId);
    expect(await refusalOf(prove(world, answer(challenge, device)))).toEqual(REFUSED);
    const forDevice = await world.bus.request(AUTH.challenge, { ...ORIGIN, user_id: alice.userId, device: device.id });
    expect(await refusalOf(prove(world, answer(forDevice.challenge, alice.key)))).toEqual(REFUSED);
    const success = await prove(world, answer(forDevice.challenge, device));
    expect(claimsOf(success)).toMatchObject({ device: device.id, key: device.publicKey });
  });

  it('accepts the OpenSSH form of the key and names the raw one in the token', async () => {
    const blob = new Uint8Array([...fromBase64('AAAAC3NzaC1lZDI1NTE5AAAAIA=='), ...rawKey(alice.key.publicKey)]);
    const proof = { ...(await proofOf(world, alice)), public_key: `ed25519:${toBase64(blob)}` };
    expect(claimsOf(await prove(world, proof)).key).toBe(alice.key.publicKey);
  });

  it('makes no challenge for an endpoint that none can be', async () => {
    for (const endpoint of ['', 'https://chat.example.com', 'wss://a b', `wss://${'x'.repeat(301)}`]) {
      const request = world.bus.request(AUTH.challenge, { ...ORIGIN, endpoint, user_id: alice.userId });
      expect(await refusalOf(request)).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path: 'endpoint' } });
    }
  });

  it('gives unknown users a challenge of the same length as known ones', async () => {
    const unknown = person(world, { name: alice.userId.slice(9).replace(/.$/, 'x') });
    const [known, nobody] = [await challengeFor(alice.userId), await challengeFor(unknown.userId)];
    expect(nobody.challenge).toHaveLength(known.challenge.length);
  });

  it('[DCP-15.3-07] tells the operator of a hundred failed logins in ten minutes, of one account and from one address', async () => {
    await world.stopAll();
    const log = captureLogger('auth');
    replica = await world.start({ logger: log.logger });
    const victim = await resident(world);
    const alarms = () => log.lines.filter(({ event }) => event === 'auth.bruteforce');
    const fail = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const { challenge } = await challengeFor(victim.userId);
        await refusalOf(prove(world, answer(challenge, keyPair()), { address: '198.51.100.9' }));
      }
    };
    await fail(99);
    expect(alarms()).toEqual([]);
    world.clock.advance(10 * 60_000);
    await fail(99);
    expect(alarms()).toEqual([]);
    await fail(1);
    expect(alarms()).toHaveLength(2);
    expect(alarms()).toContainEqual(expect.objectContaining({ level: 'warn', failures: 100, address: '198.51.100.9' }));
    expect(JSON.stringify(alarms())).toContain(victim.userId);
    await world.start();
  });

  it('[DCP-16.3-02] counts challenges and proofs by result', async () => {
    await world.stopAll();
    replica = await world.start();
    await login(world, alice);
    await refusalOf(prove(world, answer((await challengeFor(alice.userId)).challenge, keyPair())));
    const text = await replica.metrics.text();
    expect(text).toMatch(/dcp_auth_challenges_total\{.*\} 2/);
    expect(text).toMatch(/dcp_auth_proofs_total\{result="ok".*\} 1/);
    expect(text).toMatch(/dcp_auth_proofs_total\{result="INVALID_CREDENTIALS".*\} 1/);
  });
});

function rawKey(text: string): Uint8Array {
  return fromBase64(text.slice('ed25519:'.length));
}
