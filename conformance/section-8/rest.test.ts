import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor, type Room } from '../stranger/actor.js';
import { expectRefused } from '../stranger/errors.js';
import { example, memberPaths } from '../stranger/examples.js';
import { randomName } from '../stranger/identity-file.js';
import { type Dict, jcs } from '../stranger/json.js';
import { Rest } from '../stranger/rest.js';

interface Page extends Dict {
  messages: (Dict & { id: string })[];
  has_more: boolean;
  next_cursor: string | null;
}

const SLASH = '%23development%2Frust-help';

conformance('§8 REST', (node) => {
  const path = (room: Room) => `/channels/${encodeURIComponent(room.channel)}/messages`;

  async function members() {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const room = await alice.createChannel();
    await bob.join(room);
    return { alice, bob, room };
  }

  it('[DCP-8.1-01] everything is below /api/v1/, nothing without it', async () => {
    const { rest } = await Actor.register(node);
    expect(await rest.get('/channels')).toMatchObject({ status: 200 });
    const headers = { authorization: `Bearer ${rest.token}` };
    for (const bare of ['/channels', '/api/channels', '/api/v2/channels', '/v1/channels', '/api/v1/channels/../../x']) {
      expect((await rest.raw('GET', bare, undefined, headers)).status).toBe(404);
    }
  });

  it('[DCP-8.3-01] a user is shown in the printed shape, to those who share a channel with him', async () => {
    const [alice, bob] = [
      await Actor.register(node, { identity: { display_name: 'Alice River', avatar: 'data:image/png;base64,AAAA' } }),
      await Actor.register(node),
    ];
    await bob.join(await alice.createChannel());
    await alice.connect();
    const { status, body } = await bob.rest.get(`/users/${alice.userId}`);
    expect(status).toBe(200);
    for (const member of memberPaths(example('8.3', 'get user info response'))) expect(body).toHaveProperty(member);
    expect(body).toMatchObject({
      user_id: alice.userId,
      display_name: 'Alice River',
      last_seen: expect.stringMatching(/Z$/),
    });
    const stranger = await Actor.register(node);
    expect((await stranger.rest.get(`/users/${alice.userId}`)).body).not.toHaveProperty('last_seen');
  });

  it('[DCP-8.3-01] [DCP-14.2-09] an unknown user is 2003', async () => {
    const alice = await Actor.register(node);
    const nobody = `${await node.id()}.nobody-${randomName(8)}`;
    expectRefused(await alice.rest.get(`/users/${nobody}`), 'USER_NOT_FOUND');
  });

  it('[DCP-14.2-10] a user of a node that nobody knows is 3000', async () => {
    const alice = await Actor.register(node);
    expectRefused(await alice.rest.get('/users/zzzzzzzz.alice-river-7x9k'), 'NODE_UNREACHABLE');
  });

  it('[DCP-8.3-02] [DCP-9.2-01] the channel list has the printed shape; counts follow joins', async () => {
    const alice = await Actor.register(node);
    const room = await alice.createChannel(undefined, { name: 'Our Room', description: 'About us' });
    const stranger = await Actor.register(node);
    const listed = async () => {
      const { body } = await stranger.rest.get<{ channels: Dict[] }>('/channels');
      return body.channels.find(({ id }) => id === room.channel) ?? {};
    };
    const before = await listed();
    const printed = (example('8.3', 'get channel list response')['channels'] as Dict[])[0] ?? {};
    for (const member of memberPaths(printed)) expect(before).toHaveProperty(member);
    expect(before).toMatchObject({ name: 'Our Room', description: 'About us', member_count: 1 });
    await stranger.join(room);
    expect(await listed()).toMatchObject({ member_count: 2 });
    const general = await stranger.rest.get('/channels/general');
    expect(general).toMatchObject({
      status: 200,
      body: { id: '#general', name: 'General Discussion', encryption: 'node' },
    });
  });

  it('[DCP-8.3-03] history takes limit and before; an absurd limit is capped', async () => {
    const { alice, room } = await members();
    const ids = await post(alice, room, 6);
    const get = (query: string) => alice.rest.get<Page>(`${path(room)}?${query}`);
    expect((await get('limit=2')).body.messages.map(({ id }) => id)).toEqual(ids.slice(4));
    expect((await get(`limit=2&before=${ids[4]}`)).body.messages.map(({ id }) => id)).toEqual(ids.slice(2, 4));
    for (const limit of ['1000000', '99999999999999999999', '0', '-1', 'all', '', '1e3', '%00', "1'--"]) {
      const { status, body } = await get(`limit=${limit}`);
      expect({ limit, status }).toEqual({ limit, status: 200 });
      expect(body.messages.length).toBeLessThanOrEqual(100);
    }
    expectRefused(await get('before=msg_unknown'), 'MESSAGE_NOT_FOUND');
    for (const before of ['x', '1%20OR%201=1', 'msg_', '%00']) {
      expectRefused(await get(`before=${before}`), 'INVALID_MESSAGE_FORMAT');
    }
  });

  it('[DCP-8.3-04] 120 messages are paged through by next_cursor: no gap, no double, an end', async () => {
    const { alice, room } = await members();
    const ids = await post(alice, room, 120);
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const before: string = cursor === null ? '' : `&before=${cursor}`;
      const { body } = await alice.rest.get<Page>(`${path(room)}?limit=25${before}`);
      for (const member of memberPaths(example('8.3', 'get message history response')))
        expect(body).toHaveProperty(member);
      seen.unshift(...body.messages.map(({ id }) => id));
      expect(body.has_more).toBe(body.next_cursor !== null);
      cursor = body.next_cursor;
    } while (cursor !== null);
    // Before the first post there are the entries of creating and joining.
    expect(seen.slice(2)).toEqual(ids);
    expect(new Set(seen).size).toBe(122);
  });

  /** Posts one after the other; returns the ids. */
  async function post(alice: Actor, room: Room, count: number): Promise<string[]> {
    const ids = [];
    for (let i = 0; i < count; i++) {
      const { body } = await alice.rest.post(path(room), alice.message(room));
      ids.push(String(body['message_id']));
    }
    return ids;
  }

  it('[DCP-8.3-05] [DCP-8.3-06] the printed body is stored, pushed to the members, and answered as printed', async () => {
    const { alice, bob, room } = await members();
    const his = await bob.connect();
    const answer = await alice.rest.post(path(room), example('8.3', 'send message body'));
    expect(answer.status).toBe(201);
    for (const member of memberPaths(example('8.3', 'send message response')))
      expect(answer.body).toHaveProperty(member);
    const { message } = await his.message(String(answer.body['message_id']));
    expect(message).toMatchObject({
      timestamp: answer.body['timestamp'],
      content: { text: 'Hello, world!', format: 'markdown' },
      metadata: { reply_to: 'msg_12345' },
    });
    const { body } = await bob.rest.get<Page>(path(room));
    const stored = body.messages.find(({ id }) => id === answer.body['message_id']);
    expect(jcs(stored)).toBe(jcs(message));
  });

  it('[DCP-8.3-07] `#` and `/` survive in the path, percent-encoded or without the #', async () => {
    const alice = await Actor.register(node);
    expect([201, 409]).toContain(
      (await alice.rest.post('/channels', { channel: '#development/rust-help', encryption: 'node' })).status,
    );
    await alice.rest.post(`/channels/${SLASH}/join`);
    const { body: known } = await alice.rest.get(`/channels/${SLASH}`);
    expect(known).toMatchObject({ id: '#development/rust-help' });
    for (const reference of [SLASH, 'development%2Frust-help', known['channel_id'], `${SLASH}@${await node.id()}`]) {
      expect(await alice.rest.get(`/channels/${String(reference)}/messages`)).toMatchObject({ status: 200 });
    }
  });

  it('[DCP-9.2-01] [DCP-6.4-05] who is no member neither reads, lists members nor changes settings', async () => {
    const { alice, room } = await members();
    const stranger = await Actor.register(node);
    const head = await alice.head(room);
    expectRefused(await stranger.rest.get(path(room)), 'INSUFFICIENT_PERMISSIONS');
    expectRefused(await stranger.rest.get(`/channels/${room.channel_id}/members`), 'INSUFFICIENT_PERMISSIONS');
    expectRefused(
      await stranger.rest.patch(`/channels/${room.channel_id}`, { name: 'mine' }),
      'INSUFFICIENT_PERMISSIONS',
    );
    expect(await alice.head(room)).toBe(head);
    const { body } = await alice.rest.get<{ members: Dict[] }>(`/channels/${room.channel_id}/members`);
    expect(body.members).toHaveLength(2);
    expect(body.members).toContainEqual(expect.objectContaining({ user_id: alice.userId, role: 'owner' }));
  });

  it('a profile changes over REST, and only its own', async () => {
    const [alice, bob] = [await Actor.register(node), await Actor.register(node)];
    const renamed = { ...alice.file, identity: { ...alice.file.identity, display_name: 'Alice the Second' } };
    const signed = { ...renamed, signature: alice.key.signObject('IDENTITY', renamed.identity) };
    expect(await alice.rest.put('/accounts/me', { identity_file: signed })).toMatchObject({ status: 200 });
    expect((await bob.rest.get(`/users/${alice.userId}`)).body).toMatchObject({ display_name: 'Alice the Second' });
    const answer = await bob.rest.put('/accounts/me', { identity_file: signed });
    expect([400, 403, 409]).toContain(answer.status);
    expect((await bob.rest.get(`/users/${bob.userId}`)).body).not.toHaveProperty('display_name');
  });

  it('an account that its owner ends is gone: its session, its profile, what it wrote', async () => {
    const { alice, bob, room } = await members();
    const secret = `bob wrote ${randomName(10)}`;
    await bob.rest.post(path(room), bob.message(room, { content: { text: secret, format: 'plain' } }));
    const socket = await bob.connect();
    expect(await bob.rest.delete('/accounts/me')).toMatchObject({ status: 200 });
    expect(await socket.raw.closed).toMatchObject({ code: 4001 });
    expectRefused(await new Rest(bob.url, bob.token).get('/accounts/me'), 'SESSION_EXPIRED');
    expectRefused(await alice.rest.get(`/users/${bob.userId}`), 'USER_NOT_FOUND');
    const history = await alice.rest.get(path(room));
    expect(history.text).not.toContain(secret);
    expect(history.text).not.toContain(bob.userId);
  });
});
