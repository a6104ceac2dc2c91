import { formatKey, generateEd25519KeyPair, ready, signDigest } from '@dcp/crypto';
import { moveSigningInput, type MovedTo } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ackOf, creation, groupName, makePerson, SealedRoom, type TestPerson } from './sealed-client.js';
import { call, TestSocket } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

describe.each(BUS_KINDS)('an account that moves, through two gateways, on the %s bus', (kind) => {
  let node: TestNode;
  let anna: TestPerson;
  let bob: TestPerson;
  let eve: TestPerson;
  const open: TestSocket[] = [];

  const url = (gateway = 0) => node.urls[gateway] as string;
  const connect = async (who: TestPerson, gateway = 0) => {
    const socket = await TestSocket.open(url(gateway), who.token);
    open.push(socket);
    await socket.command('update_status', { status: 'online' });
    return socket;
  };
  const recordOf = ({ account }: TestPerson): MovedTo => {
    const next = generateEd25519KeyPair();
    const object = {
      user_id: account.userId,
      to: 'elsewher.anna-k2m4',
      identity_key: formatKey('ed25519', next.publicKey),
      issued: new Date(node.clock.now()).toISOString(),
    };
    const preimage = moveSigningInput(object);
    return { ...object, accepted: signDigest(next.seed, preimage), signature: signDigest(account.seed, preimage) };
  };
  const post = (who: TestPerson | undefined, moved_to: unknown) =>
    call(url(), '/api/v1/accounts/me/move', {
      method: 'POST',
      body: { moved_to },
      ...(who === undefined ? {} : { token: who.token }),
    });

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind);
    [bob, eve] = [await makePerson(url(1), 'bob'), await makePerson(url(), 'eve')];
  });
  beforeEach(async () => {
    anna = await makePerson(url(), 'anna');
  });
  afterAll(async () => {
    for (const socket of open) socket.close();
    await node.stop();
  });

  it('is told once to everybody who shares a channel with it, on every gateway, and to nobody else', async () => {
    const [own, contact, stranger] = [await connect(anna), await connect(bob, 1), await connect(eve, 1)];
    const readable = `#readable-${anna.userId.slice(-10)}`;
    ackOf(await own.command('create_channel', { channel: readable, encryption: 'node' }));
    ackOf(await contact.command('join_channel', { channel: readable }));
    ackOf(await own.command('create_channel', { channel: `@${bob.userId}` }));
    const record = recordOf(anna);
    expect(await post(anna, record)).toMatchObject({ status: 200, body: { moved_to: record } });
    const event = { event: 'user_moved', data: { user_id: anna.userId, moved_to: record } };
    for (const socket of [own, contact]) await eventually(() => expect(socket.events('user_moved')).toEqual([event]));
    ackOf(await stranger.command('update_status', { status: 'online' }));
    expect(stranger.events('user_moved')).toEqual([]);
  });

  it('[DCP-8.3-01] [DCP-14.2-09] its profile says where, and whoever writes to it or invites it is led there', async () => {
    const there = await connect(bob, 1);
    const before = ackOf(await there.command('create_channel', { channel: `@${anna.userId}` }));
    const record = recordOf(anna);
    await post(anna, record);
    const profile = await call(url(1), `/api/v1/users/${anna.userId}`, { token: bob.token });
    expect(profile.body).toMatchObject({ user_id: anna.userId, moved_to: record });
    const { logs } = (await there.command('get_devices', { users: [{ user_id: anna.userId }] })).data as unknown as {
      logs: object[];
    };
    expect(logs).toMatchObject([{ user_id: anna.userId, moved_to: record }]);
    const led = { number: 2003, details: { reason: 'moved', user_id: anna.userId, moved_to: record } };
    const elsewhere = await connect(eve);
    expect((await elsewhere.command('create_channel', { channel: `@${anna.userId}` })).error).toMatchObject(led);
    const room = await SealedRoom.create(there, bob, '#private-room');
    const invitation = room.entry(bob, 'user_invited', anna.userId, { identity_key: anna.identityKey });
    expect((await there.command('invite_user', { channel: room.id, entry: invitation })).error).toMatchObject(led);
    const members = [bob, anna].map(({ userId: user_id, identityKey: identity_key }) => ({ user_id, identity_key }));
    const group = creation(bob, groupName(), { visibility: 'group', members });
    expect((await there.command('create_channel', group)).error).toMatchObject(led);
    // What was open stays open.
    const again = ackOf(await there.command('create_channel', { channel: `@${anna.userId}` }));
    expect(again).toMatchObject({ channel_id: before.channel_id, changed: false });
  });

  it('is refused at the door without a session, without a record, and for somebody else', async () => {
    const record = recordOf(anna);
    expect((await post(undefined, record)).status).toBe(401);
    for (const wrong of [undefined, null, {}, { ...record, accepted: undefined }, { ...record, to: anna.userId }])
      expect((await post(anna, wrong)).status).toBe(400);
    expect((await post(anna, { ...record, note: 'x'.repeat(2_000) })).body.error?.details).toMatchObject({
      reason: 'larger than 1024 bytes',
    });
    expect((await post(bob, record)).status).toBe(403);
    const profile = await call(url(), `/api/v1/users/${anna.userId}`, { token: bob.token });
    expect(profile.body).not.toHaveProperty('moved_to');
  });
});
