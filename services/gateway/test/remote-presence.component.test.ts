import { FEDERATION, GATEWAY, type PresenceSnapshot, type RemotePresence } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import type { Bus } from '@dcp/node-kit';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { call, login, makeAccount, TestSocket, type TestAccount } from './test-client.js';
import { BUS_KINDS, startTestNode, type TestNode } from './test-node.js';

const ANNA = 'northnod.anna-7x9k';

describe.each(BUS_KINDS)('users of other nodes, on the %s bus', (kind) => {
  let node: TestNode;
  let federation: Bus;
  let alice: TestAccount;
  let bob: TestAccount;
  let tokens: { alice: string; bob: string };
  let channelId: string;
  const open: TestSocket[] = [];

  const url = (gateway = 0) => node.urls[gateway] as string;
  const connect = async (token: string, gateway = 0) => {
    const socket = await TestSocket.open(url(gateway), token);
    open.push(socket);
    await socket.command('subscribe', { channel: channelId });
    return socket;
  };
  /** Another node's word, as the federation service tells it. */
  const tells = (more: Partial<RemotePresence> = {}) =>
    federation.publish(FEDERATION.presence, {
      ...{ node_id: 'northnod', user_id: ANNA, status: 'online', last_seen: '2026-01-02T03:04:05Z' },
      channels: [channelId],
      ...more,
    });
  const seenBy = (socket: TestSocket, user = ANNA) =>
    socket
      .events('user_status')
      .map(({ data }) => data as unknown as { user_id: string; status: string; message?: string })
      .filter(({ user_id }) => user_id === user);
  const makeChannel = async (name: string, token: string): Promise<string> => {
    const body = { channel: name, encryption: 'node' };
    const answer = await call(url(), '/api/v1/channels', { method: 'POST', token, body });
    return (answer.body as unknown as { channel_id: string }).channel_id;
  };

  beforeAll(async () => {
    await ready();
    node = await startTestNode(kind, 2, { DCP_PRESENCE_ROOM_LIMIT: '3' });
    federation = await node.connect('federation');
    await eventually(async () => expect((await call(url(1), '/api/v1/node')).status).toBe(200));
    [alice, bob] = [await makeAccount(url(), 'alice'), await makeAccount(url(1), 'bob')];
    tokens = { alice: (await login(url(), alice)).token, bob: (await login(url(1), bob)).token };
    channelId = await makeChannel('#north', tokens.alice);
    await call(url(), `/api/v1/channels/${channelId}/join`, { method: 'POST', token: tokens.bob });
  });
  afterAll(async () => {
    for (const socket of open) socket.close();
    await node.stop();
  });

  it('[DCP-7.2-02] come, are away and go with their node, at every gateway, once', async () => {
    const viewers = [await connect(tokens.alice, 0), await connect(tokens.bob, 1)];
    tells();
    tells();
    tells({ status: 'away', message: 'Lunch' });
    const away = { user_id: ANNA, status: 'away', message: 'Lunch', last_seen: '2026-01-02T03:04:05Z' };
    for (const viewer of viewers) await eventually(() => expect(seenBy(viewer).at(-1)).toEqual(away));
    federation.publish(FEDERATION.nodeGone, { node_id: 'westnode' });
    federation.publish(FEDERATION.nodeGone, { node_id: 'northnod' });
    for (const viewer of viewers)
      await eventually(() => expect(seenBy(viewer).map(({ status }) => status)).toEqual(['online', 'away', 'offline']));
    expect(seenBy(viewers[0] as TestSocket).at(-1)).not.toHaveProperty('message');
  });

  it('are shown to members of the channels alone, and in no large room', async () => {
    const elsewhere = await makeChannel('#elsewhere', tokens.alice);
    const viewer = await connect(tokens.bob, 1);
    const [other, last] = ['northnod.carl-7x9k', 'northnod.dora-7x9k'];
    tells({ user_id: other, channels: [elsewhere] });
    tells({ user_id: last });
    await eventually(() => expect(seenBy(viewer, last)).toHaveLength(1));
    expect(seenBy(viewer, other)).toEqual([]);
    const crowded = await connect(tokens.alice, 0);
    const crowd = [await connect(tokens.bob, 0), await connect(tokens.bob, 0), await connect(tokens.bob, 0)];
    const [late, later] = ['northnod.emil-7x9k', 'northnod.fred-7x9k'];
    tells({ user_id: late });
    await eventually(() => expect(seenBy(viewer, late)).toHaveLength(1));
    for (const socket of crowd) socket.close();
    await eventually(() => {
      tells({ user_id: later, message: String(Math.random()) });
      expect(seenBy(crowded, later)).not.toEqual([]);
    });
    expect(seenBy(crowded, late)).toEqual([]);
  });

  it('the federation service is told who is in the channels that a node reads, and not who hides', async () => {
    const dora = await makeAccount(url(), 'dora', { privacy: { show_online_status: false } });
    const { token } = await login(url(), dora);
    await call(url(), `/api/v1/channels/${channelId}/join`, { method: 'POST', token });
    await connect(token);
    const socket = await connect(tokens.alice);
    await socket.command('update_status', { status: 'away', message: 'Out' });
    const heard: PresenceSnapshot[] = [];
    federation.subscribe(GATEWAY.presenceSnapshot, (snapshot) => heard.push(snapshot));
    await federation.flush();
    const none = `ch_${'a'.repeat(52)}`;
    federation.publish(FEDERATION.presenceWanted, { node_id: 'northnod', channel_ids: [none, channelId] });
    const users = () => heard.flatMap((snapshot) => snapshot.users);
    await eventually(() =>
      expect(users()).toContainEqual({
        ...{ user_id: alice.userId, status: 'away', message: 'Out', hidden: false, channels: [channelId] },
        last_seen: expect.any(String),
      }),
    );
    expect(heard.every(({ wanted_for }) => wanted_for === 'northnod')).toBe(true);
    expect(users().map(({ user_id }) => user_id)).not.toContain(dora.userId);
    federation.publish(FEDERATION.presenceWanted, {});
    await eventually(() => expect(users().find(({ user_id }) => user_id === dora.userId)?.hidden).toBe(true));
    expect(users().find(({ user_id }) => user_id === dora.userId)).not.toHaveProperty('channels');
  });
});
