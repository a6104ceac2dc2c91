import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Device } from '../stranger/device.js';
import { at, type Dict } from '../stranger/json.js';
import { Key } from '../stranger/keys.js';
import {
  act,
  admit,
  type Change,
  change,
  checkChain,
  createSealed,
  identityDetail,
  InviteLink,
  roomOf,
  type SealedRoom,
  stateEntry,
  stateHash,
} from '../stranger/private-channel.js';
import { until } from '../stranger/until.js';

conformance('§9.2 the state chain of a private channel', (node) => {
  const device = () => Device.signUpDevice(node);

  it('[DCP-9.2-02] a member reads the whole chain and can check every entry by himself', async () => {
    const [alice, bob, carol] = [await device(), await device(), await device()];
    const room = await roomOf(alice, bob);
    await act(bob, room, 'user_invited', carol.userId, identityDetail(carol));
    await act(alice, room, 'settings_changed', '', { name: 'Cellar', description: 'below' });
    const socket = await bob.connect();
    const chain = await socket.ack('get_state', { channel: room.channel_id });
    const entries = chain['entries'] as Dict[];
    checkChain(chain['genesis'], room.channel_id, entries);
    const actions = entries.map(({ content }) => (content as Dict)['action']);
    expect(actions).toEqual(['channel_created', 'user_invited', 'user_joined', 'user_invited', 'settings_changed']);
    expect(chain).toMatchObject({ has_more: false, state_head: room.head, epoch: 0 });
    expect(stateHash(entries.at(-1) ?? {})).toBe(room.head);
    const second = at(entries[1], 'node.seq');
    const rest = await socket.ack('get_state', { channel: room.channel_id, after: second });
    expect((rest['entries'] as Dict[]).map(({ id }) => id)).toEqual(entries.slice(2).map(({ id }) => id));
    const { body } = await alice.rest.get(`/channels/${room.channel_id}`);
    expect(body).toMatchObject({ name: 'Cellar', description: 'below' });
  });

  it('members hear the entries of the chain as messages, in the order of the log', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const his = await bob.connect();
    const entry = stateEntry(alice, room, 'settings_changed', '', { name: 'Attic' });
    const { seq } = await change(alice, room, entry);
    const { message } = await his.message(String(entry['id']));
    expect(message).toMatchObject({ ...entry, node: { seq } });
  });

  it('an entry on an old head is 2007 stale_state with the head; of two at once one gets in', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const old = room.head;
    await act(alice, room, 'settings_changed', '', { name: 'one' });
    const [hers, his] = [await alice.connect(), await bob.connect()];
    const stale = stateEntry(alice, room, 'settings_changed', '', { name: 'two' }, { prev_state: old });
    const told = { reason: 'stale_state', state_head: room.head, epoch: 0 };
    const { details } = await hers.refused('change_state', { channel: room.channel_id, entry: stale }, 'CONFLICT');
    expect(details).toMatchObject(told);
    for (const prev_state of [null, `sha256:${'0'.repeat(64)}`]) {
      const entry = alice.sign({ ...stale, prev_state });
      expect((await hers.ask('change_state', { channel: room.channel_id, entry })).event).toBe('error');
    }
    const racing = [hers.ask('invite_user', linkBy(alice, room)), his.ask('invite_user', linkBy(bob, room))];
    const answers = await Promise.all(racing);
    expect(answers.map(({ event }) => event).sort()).toEqual(['ack', 'error']);
    const loser = answers.find(({ event }) => event === 'error');
    const winner = answers.find(({ event }) => event === 'ack');
    expect(loser?.error).toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'stale_state', state_head: winner?.data['state_head'] },
    });
  });

  function linkBy(author: Device, room: SealedRoom): Dict {
    const details = new InviteLink().details();
    return { channel: room.channel_id, entry: stateEntry(author, room, 'link_created', author.userId, details) };
  }

  it('an entry that is not what its author signed, or somebody else’s, is refused and moves nothing', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const socket = await bob.connect();
    const good = stateEntry(bob, room, 'link_created', bob.userId, new InviteLink().details());
    const other = await createSealed(bob);
    const bad: Record<string, Dict> = {
      'the signature of another device': { ...good, signature: alice.key.signMessage(good) },
      'the identity key’s signature': { ...good, signature: bob.identityKey.signMessage(good) },
      'changed after it was signed': { ...good, content: { ...(good['content'] as Dict), target: alice.userId } },
      'another author': bob.sign({ ...good, author: alice.userId }),
      'another author’s entry': stateEntry(alice, room, 'link_created', alice.userId, new InviteLink().details()),
      'a device that does not exist': bob.sign({ ...good, device: 'dev_aaaaaaaaaaaaaaaa' }),
      'no device': bob.sign(without(good, 'device')),
      'another device': bob.sign({ ...good, device: alice.id }),
      'another actor': bob.sign({ ...good, content: { ...(good['content'] as Dict), actor: alice.userId } }),
      'another channel': bob.sign({ ...good, channel_id: other.channel_id }),
      'no channel': bob.sign(without(good, 'channel_id')),
      'no prev_state': bob.sign(without(good, 'prev_state')),
      'an unknown action': bob.sign({ ...good, content: { ...(good['content'] as Dict), action: 'user_crowned' } }),
      'no system message': bob.sign({ ...good, type: 'text' }),
      'a second beginning': stateEntry(bob, room, 'channel_created', bob.userId, identityDetail(bob)),
      'an old clock': bob.sign({ ...good, timestamp: new Date(Date.now() - 3_600_000).toISOString() }),
      'what only nodes add': { ...good, node: { seq: 1 } },
      encrypted: bob.sign({
        ...good,
        encryption: { algorithm: 'chacha20-poly1305', key_id: 'state', nonce: 'AAAAAAAAAAAAAAAA' },
      }),
    };
    const before = await alice.head(room);
    for (const [what, entry] of Object.entries(bad)) {
      const { event, error } = await socket.ask('change_state', { channel: room.channel_id, entry });
      expect({ what, event }).toEqual({ what, event: 'error' });
      expect({ what, code: error?.code }).not.toEqual({ what, code: 'INTERNAL_ERROR' });
    }
    expect(await alice.head(room)).toBe(before);
    await change(bob, room, good);
  });

  it('an entry above 65,536 bytes is 2001', async () => {
    const alice = await device();
    const room = await createSealed(alice);
    const large = stateEntry(alice, room, 'settings_changed', '', { name: 'x', padding: 'y'.repeat(66_000) });
    const socket = await alice.connect();
    await socket.refused('change_state', { channel: room.channel_id, entry: large }, 'MESSAGE_TOO_LARGE');
  });

  it('the creator alone begins a chain, once', async () => {
    const alice = await device();
    const room = await createSealed(alice);
    const again = stateEntry(alice, room, 'channel_created', alice.userId, identityDetail(alice));
    const first = stateEntry(alice, room, 'channel_created', alice.userId, identityDetail(alice), { prev_state: null });
    const socket = await alice.connect();
    for (const entry of [again, first]) {
      expect((await socket.ask('change_state', { channel: room.channel_id, entry })).event).toBe('error');
    }
  });

  it('the same entry again gets the same answer and changes nothing, also behind later ones', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const entry = stateEntry(alice, room, 'user_removed', bob.userId);
    const socket = await alice.connect();
    const first = await socket.ack<Change>('kick_user', { channel: room.channel_id, entry });
    room.moved(first);
    const repeat = await socket.ack('kick_user', { channel: room.channel_id, entry });
    expect(repeat).toMatchObject({ seq: first['seq'], changed: false });
    await admit(alice, bob, room);
    const late = await socket.ack('kick_user', { channel: room.channel_id, entry });
    expect(late).toMatchObject({ seq: first['seq'], changed: false });
    expect((await bob.rest.get(`/channels/${room.channel_id}/messages`)).status).toBe(200);
    const other = alice.sign({ ...entry, timestamp: new Date().toISOString() });
    await socket.refused('kick_user', { channel: room.channel_id, entry: other }, 'CONFLICT');
  });

  it('a session without a device makes no entry: the identity key signs device logs only', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const plain = bob.via(bob.url);
    plain.key = plain.identityKey;
    plain.device = undefined;
    await plain.login();
    const entry = stateEntry(bob, room, 'user_left', bob.userId);
    const socket = await plain.connect();
    for (const one of [entry, plain.sign(entry), plain.sign(without(entry, 'device'))]) {
      const answer = await socket.ask('leave_channel', { channel: room.channel_id, entry: one });
      expect(answer).toMatchObject({ event: 'error' });
    }
    const forger = new Key();
    const forged = { ...entry, signature: forger.signMessage(entry) };
    expect((await socket.ask('leave_channel', { channel: room.channel_id, entry: forged })).event).toBe('error');
    expect((await bob.rest.get(`/channels/${room.channel_id}/messages`)).status).toBe(200);
  });

  it('a command takes only the entries that it is for', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const socket = await alice.connect();
    const kick = stateEntry(alice, room, 'user_removed', bob.userId);
    for (const command of ['invite_user', 'ban_user', 'join_channel', 'leave_channel']) {
      await socket.refused(command, { channel: room.channel_id, entry: kick }, 'INVALID_MESSAGE_FORMAT');
    }
    await socket.ack('kick_user', { channel: room.channel_id, entry: kick });
    await until(async () => ((await bob.rest.get(`/channels/${room.channel_id}`)).status === 404 ? true : undefined));
  });

  it('[DCP-9.2-03] a channel has at most 50 living links; one that is revoked makes room', async () => {
    const alice = await device();
    const room = await createSealed(alice);
    const socket = await alice.connect();
    const make = (link: InviteLink) => stateEntry(alice, room, 'link_created', alice.userId, link.details());
    const first = new InviteLink();
    for (let i = 0; i < 50; i++) {
      const entry = make(i === 0 ? first : new InviteLink());
      room.moved(await socket.ack<Change>('invite_user', { channel: room.channel_id, entry }));
    }
    const over = { channel: room.channel_id, entry: make(new InviteLink()) };
    await socket.refused('invite_user', over, 'INSUFFICIENT_PERMISSIONS');
    await act(alice, room, 'link_revoked', alice.userId, { key: first.key.publicKey });
    await act(alice, room, 'link_created', alice.userId, new InviteLink().details());
  });
});

function without(entry: Dict, name: string): Dict {
  const { [name]: _gone, ...rest } = entry;
  return rest;
}
