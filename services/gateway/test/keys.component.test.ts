import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ready } from '@dcp/crypto';
import type { Prekey } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { addDevice, firstPrekeys, hashOf, keyMessage, prekey, revoke, type TestDevice } from './device-client.js';
import { login, makeAccount, TestSocket, type Frame, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

describe.each(BUS_KINDS)('device keys through gateways on the %s bus', (kind) => {
  let node: TestNode;
  let alice: TestAccount;
  let bob: TestAccount;
  let phone: TestDevice;
  let laptop: TestDevice;
  let his: TestDevice;
  const open: TestSocket[] = [];

  const url = (gateway = 0) => node.urls[gateway] as string;
  const connect = async (token: string, gateway = 0) => {
    const socket = await TestSocket.open(url(gateway), token);
    open.push(socket);
    return socket;
  };
  /** The data of an ack. */
  const ask = async <T>(socket: TestSocket, command: string, data: object): Promise<T> => {
    const frame = await socket.command(command, data);
    if (frame.event !== 'ack') throw new Error(JSON.stringify(frame));
    return frame.data as unknown as T;
  };
  const heard = (socket: TestSocket, name: string) => socket.events(name).map(({ data }) => data as unknown);

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind);
    for (const health of node.healths)
      await eventually(async () => expect(await health.report()).toMatchObject({ ready: true }));
  });
  beforeEach(async () => {
    [alice, bob] = [await makeAccount(url(), 'alice'), await makeAccount(url(1), 'bob')];
    [phone, laptop] = [await addDevice(url(), alice), await addDevice(url(), alice)];
    his = await addDevice(url(1), bob);
  });
  afterAll(async () => {
    for (const socket of open) socket.close();
    await node.stop();
  });

  it('[DCP-6.3-02] [DCP-12.3-06] a first contact with a device that is away: claim, send, and it finds what waits', async () => {
    const away = await connect(his.token, 1);
    const prekeys = firstPrekeys(his, 2);
    expect(await ask(away, 'publish_keys', { epoch: 0, prekeys })).toEqual({ epoch: 0, one_time: 2, kem: 2 });
    away.close();
    const sender = await connect(phone.token);
    const devices = [
      { user_id: bob.userId, device: his.id },
      { user_id: alice.userId, device: laptop.id },
    ];
    expect(await ask(sender, 'claim_keys', { devices })).toEqual({
      bundles: [{ ...devices[0], epoch: 0, signed: prekeys[0], one_time: prekeys[2], kem: prekeys[3] }],
      missing: [devices[1]],
    });
    const messages = [keyMessage(his), keyMessage(laptop)];
    expect(await ask(sender, 'send_keys', { messages })).toEqual({ unknown: [devices[1]], full: [] });
    const back = await connect(his.token);
    const page = await ask<{ items: object[]; has_more: boolean }>(back, 'fetch_keys', { after: 0 });
    expect(page).toMatchObject({
      items: [{ seq: 1, from_user: alice.userId, from_device: phone.id, body: messages[0]?.body, id: messages[0]?.id }],
      has_more: false,
    });
    expect(await ask(back, 'ack_keys', { up_to: 1 })).toEqual({ left: 0 });
    expect(await ask(back, 'fetch_keys', { after: 0 })).toEqual({ items: [], has_more: false });
  });

  it('[DCP-12.3-06] tells exactly the sockets of the device, on whatever gateway, that something waits', async () => {
    const [one, two] = [await connect(laptop.token), await connect(laptop.token, 1)];
    const others = [await connect(phone.token, 1), await connect((await login(url(1), alice)).token, 1)];
    await ask(one, 'publish_keys', { epoch: 0, prekeys: [prekey(laptop, 'signed', 1)] });
    const sender = await connect(his.token, 1);
    // A socket that was answered is logged in: what is said from now on reaches it.
    for (const socket of [one, two, ...others]) await ask(socket, 'get_devices', { users: [{ user_id: bob.userId }] });
    await ask(sender, 'send_keys', { messages: [keyMessage(laptop), keyMessage(laptop)] });
    for (const socket of [one, two])
      await eventually(() => expect(heard(socket, 'device_queue')).toEqual([{ head: 2 }]));
    for (const socket of [...others, sender]) {
      // The answer to a later command comes after whatever the socket was told before.
      await ask(socket, 'get_devices', { users: [{ user_id: bob.userId }] });
      expect(heard(socket, 'device_queue')).toEqual([]);
    }
  });

  it('tells a device that its stock runs low', async () => {
    const [owner, sibling] = [await connect(laptop.token), await connect(phone.token)];
    await ask(owner, 'publish_keys', { epoch: 0, prekeys: firstPrekeys(laptop, 3) });
    const claimer = await connect(his.token, 1);
    await ask(claimer, 'claim_keys', { devices: [{ user_id: alice.userId, device: laptop.id }] });
    await eventually(() => expect(heard(owner, 'keys_low')).toEqual([{ epoch: 0, one_time: 2, kem: 2 }]));
    await ask(sibling, 'get_devices', { users: [{ user_id: bob.userId }] });
    expect(heard(sibling, 'keys_low')).toEqual([]);
  });

  it('[DCP-12.3-07] shows device logs, and a revoked device gets nothing any more', async () => {
    const socket = await connect(his.token, 1);
    const laptops = await connect(laptop.token);
    await ask(laptops, 'publish_keys', { epoch: 0, prekeys: firstPrekeys(laptop, 1) });
    const log = (entries: unknown[]) => ({
      logs: [{ user_id: alice.userId, public_key: alice.publicKey, entries, has_more: false }],
    });
    const users = [{ user_id: alice.userId }, { user_id: `${alice.nodeId}.nobody` }];
    expect(await ask(socket, 'get_devices', { users })).toEqual(log([phone.entry, laptop.entry]));
    const gone = await revoke(url(), alice, laptop.id);
    expect(await laptops.closed()).toBe(4001);
    expect(await ask(socket, 'get_devices', { users: [{ user_id: alice.userId, after: 2 }] })).toEqual(log([gone]));
    const device = { user_id: alice.userId, device: laptop.id };
    await eventually(async () =>
      expect(await ask(socket, 'send_keys', { messages: [keyMessage(laptop)] })).toEqual({
        unknown: [device],
        full: [],
      }),
    );
    expect(await ask(socket, 'claim_keys', { devices: [device] })).toEqual({ bundles: [], missing: [device] });
    expect(gone.prev).toBe(hashOf(laptop.entry));
  });

  it('[DCP-6.3-02] refuses what is not signed by the device, and sessions without one', async () => {
    const socket = await connect(phone.token);
    const foreign = await socket.command('publish_keys', { epoch: 0, prekeys: [prekey(laptop, 'signed', 1)] });
    expect(foreign.error).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'foreign_prekey' } });
    const unsigned: Prekey = { ...prekey(phone, 'signed', 1), id: 2 };
    const forged = await socket.command('publish_keys', { epoch: 0, prekeys: [unsigned] });
    expect(forged.error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path: 'prekeys.0.signature' } });
    const literal = await connect((await login(url(), alice)).token);
    for (const [command, data] of [
      ['publish_keys', { epoch: 0, prekeys: [] }],
      ['send_keys', { messages: [keyMessage(his)] }],
      ['fetch_keys', { after: 0 }],
      ['ack_keys', { up_to: 1 }],
    ] as const)
      expect((await literal.command(command, data)).error).toMatchObject({
        code: 'INSUFFICIENT_PERMISSIONS',
        details: { reason: 'device_required' },
      });
  });

  it('refuses more than one frame should hold, with the figure, and the socket lives', async () => {
    const socket = await connect(phone.token);
    const owner = await connect(his.token);
    await ask(owner, 'publish_keys', { epoch: 0, prekeys: [prekey(his, 'signed', 1)] });
    const large = Array.from({ length: 4 }, () => keyMessage(his, 60_000));
    const refused = await socket.command('send_keys', { messages: large });
    expect(refused.error).toMatchObject({ code: 'MESSAGE_TOO_LARGE', number: 2001, details: { max_size: 196_608 } });
    for (let round = 0; round < 3; round++)
      await ask(socket, 'send_keys', { messages: large.slice(1).map(({ body }) => ({ ...keyMessage(his), body })) });
    // Nine of 60,000 characters: more than one page holds.
    const first = await ask<{ items: { seq: number }[]; has_more: boolean }>(owner, 'fetch_keys', { after: 0 });
    expect(first.items.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(first.has_more).toBe(true);
    expect(await ask(owner, 'fetch_keys', { after: 8, limit: 1 })).toMatchObject({
      items: [{ seq: 9 }],
      has_more: false,
    });
    const malformed = await socket.command('send_keys', { messages: [{ ...keyMessage(his), body: '§' }] });
    expect(malformed.error).toMatchObject({ code: 'INVALID_MESSAGE_FORMAT', details: { path: 'messages.0.body' } });
  });

  it('limits how often an account may ask', async () => {
    const narrow = await node.addGateway({ DCP_RATE_LIMIT_FACTOR: '0.1' });
    const health = node.healths.at(-1);
    await eventually(async () => expect(await health?.report()).toMatchObject({ ready: true }));
    const socket = await TestSocket.open(narrow, phone.token);
    open.push(socket);
    const answers: Frame[] = [];
    for (let i = 0; i < 5; i++)
      answers.push(await socket.command('claim_keys', { devices: [{ user_id: bob.userId, device: his.id }] }));
    const refused = answers.find(({ event }) => event === 'error');
    expect(refused?.error).toMatchObject({ code: 'RATE_LIMITED', details: { retry_after: expect.any(Number) } });
  });
});
