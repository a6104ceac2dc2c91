import { verifySigned } from '@dcp/crypto';
import { CHANNEL, type CreateRequest } from '@dcp/contracts';
import { canonicalJson, type Genesis, MAX_CLOCK_SKEW_MS, signingInput } from '@dcp/protocol';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { channelIdOf } from '../src/channels/genesis.js';
import { actor, type Actor } from './support/actor.js';
import { refusalOf } from './support/results.js';
import { BOTH_BUSES, World } from './support/world.js';

describe.each(BOTH_BUSES)('channels over the %s bus', (kind) => {
  let world: World;
  let alice: Actor;
  let bob: Actor;

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start({ config: { maxOwnedChannels: 60 } });
    alice = actor('alice');
    bob = actor('bob');
  });
  afterAll(() => world.close());

  const create = (request: Partial<CreateRequest> & { name: string }) =>
    world.bus.request(CHANNEL.create, { session: alice.session, encryption: 'node', ...request });
  const resolve = (name: string) => world.bus.request(CHANNEL.resolve, { name });
  const entryOf = async (channelId: string, seq: number) => {
    const body = (await world.log(channelId))[seq - 1]?.body ?? '{}';
    return JSON.parse(body) as { type: string; content: unknown; author: string };
  };

  it('[DCP-9.1-06] has #general from the beginning', async () => {
    expect(await resolve('#general')).toMatchObject({
      name: '#general',
      title: 'General Discussion',
      description: 'Main community channel',
      encryption: 'node',
      member_count: 0,
    });
  });

  it('[DCP-6.2-05] creates a channel whose creator is its owner and whose log begins with that fact', async () => {
    const made = await create({ name: '#development', title: 'Development', description: 'Where we build' });
    expect(made).toEqual({
      channel_id: made.channel_id,
      name: '#development',
      seq: 1,
      changed: true,
      encryption: 'node',
      visibility: 'public',
      state_head: expect.stringMatching(/^sha256:/),
      epoch: 0,
    });
    const info = await resolve('#development');
    expect(info).toMatchObject({ title: 'Development', description: 'Where we build', member_count: 1, last_seq: 1 });
    expect(await resolve(made.channel_id)).toEqual(info);
    expect(await entryOf(made.channel_id, 1)).toMatchObject({
      type: 'system',
      author: alice.userId,
      content: { action: 'channel_created', actor: alice.userId, target: '#development', details: {} },
    });
    const membership = { user_id: alice.userId, channel_id: made.channel_id };
    expect(await world.bus.request(CHANNEL.membership, membership)).toMatchObject({ role: 'owner' });
  });

  it.each(['#general', '#development/rust-help', '#events/2025/conference-planning'])(
    '[DCP-9.1-06] the specification’s %s is a valid name',
    async (name) => {
      const exists = await resolve(name).catch(() => undefined);
      if (exists === undefined) await create({ name });
      expect((await resolve(name)).name).toBe(name);
    },
  );

  it.each([
    ['[DCP-9.1-01]', 'without-hash'],
    ['[DCP-9.1-02]', '#a//b'],
    ['[DCP-9.1-02]', '#a/'],
    ['[DCP-9.1-02]', '#/a'],
    ['[DCP-9.1-03]', '#General'],
    ['[DCP-9.1-03]', '#a b'],
    ['[DCP-9.1-03]', '#ä'],
    ['[DCP-9.1-03]', '#a.b'],
    ['[DCP-9.1-04]', '#a/b/c/d/e/f'],
    ['[DCP-9.1-05]', `#${'a'.repeat(100)}`],
    ['[DCP-9.2-06]', '#dm/aaaaaaaaaaaa'],
    ['reserved branch', '#sys/x'],
  ])('%s refuses the name %s', async (_id, name) => {
    expect((await refusalOf(create({ name }))).code).toBe('INVALID_CHANNEL_NAME');
  });

  it('[DCP-9.1-04] [DCP-9.1-05] accepts five levels and one hundred characters', async () => {
    await create({ name: '#a/b/c/d/e' });
    await create({ name: `#${'a'.repeat(99)}` });
  });

  it('[DCP-9.1-02] a sub-channel of an existing parent needs membership there; a missing parent is no fault', async () => {
    await create({ name: '#private-ish' });
    const child = { name: '#private-ish/child', session: bob.session };
    expect(await refusalOf(create(child))).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
      details: { reason: 'parent_membership' },
    });
    await world.join(bob, (await resolve('#private-ish')).channel_id);
    await create(child);
    await create({ name: '#nobody/has/made/this' });
  });

  it('a name is taken once, also in a race', async () => {
    const racers = Array.from({ length: 20 }, (_, i) => create({ name: '#wanted', title: String(i) }));
    const results = await Promise.allSettled(racers);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect((await refusalOf(create({ name: '#wanted' }))).code).toBe('CHANNEL_EXISTS');
    const { channel_id } = await resolve('#wanted');
    expect(await world.log(channel_id)).toHaveLength(1);
  });

  it.each([undefined, 'e2ee' as const])('says that encryption %s takes a signed genesis', async (encryption) => {
    expect(await refusalOf(create({ name: '#sealed', encryption }))).toEqual({
      code: 'INVALID_MESSAGE_FORMAT',
      details: {
        reason: 'signature_required',
        path: 'genesis',
        hint: 'sign a genesis, or create the channel with encryption "node"',
      },
    });
  });

  const genesisFor = (name: string, changes: Partial<Genesis> = {}): Genesis => ({
    version: '1.0',
    name,
    home_node: world.nodeId,
    encryption: 'node',
    visibility: 'public',
    creator: alice.userId,
    creator_key: alice.session.key,
    created: new Date().toISOString(),
    random: 'abcdefghijklmnopqrstuvwxyz',
    ...changes,
  });

  it('accepts a genesis that its creator signed: its hash is the channel’s identity; again it is the same channel', async () => {
    const genesis = genesisFor('#my-own');
    const request = { name: '#my-own', genesis, signature: alice.sign('GENESIS', genesis) };
    const made = await create(request);
    expect(made.channel_id).toBe(channelIdOf(genesis));
    expect(await create(request)).toEqual({ ...made, changed: false });
    const { rows } = await world.admin.query<{ genesis: string; genesis_signature: string }>(
      'select genesis, genesis_signature from channel.channels where channel_id = $1',
      [made.channel_id],
    );
    expect(rows[0]).toEqual({ genesis: canonicalJson(genesis), genesis_signature: request.signature });
  });

  it('refuses a genesis that does not say what the command says, or that somebody else signed', async () => {
    const wrong: [string, Partial<Genesis>][] = [
      ['genesis.name', { name: '#another' }],
      ['genesis.home_node', { home_node: 'zzzzzzzz' }],
      ['genesis.encryption', { encryption: 'e2ee' }],
      ['genesis.creator', { creator: bob.userId }],
      ['genesis.creator_key', { creator_key: bob.session.key }],
      ['timestamp', { created: new Date(Date.now() - 2 * MAX_CLOCK_SKEW_MS).toISOString() }],
    ];
    for (const [path, changes] of wrong) {
      const genesis = genesisFor('#disputed', changes);
      const refusal = await refusalOf(
        create({ name: '#disputed', genesis, signature: alice.sign('GENESIS', genesis) }),
      );
      expect(refusal.details['path']).toBe(path);
    }
    const genesis = genesisFor('#disputed');
    for (const signature of [bob.sign('GENESIS', genesis), alice.sign('ORDER', genesis)]) {
      expect((await refusalOf(create({ name: '#disputed', genesis, signature }))).details['path']).toBe('signature');
    }
  });

  it('signs the genesis of a plain command itself', async () => {
    const { channel_id } = await create({ name: '#plain' });
    const { rows } = await world.admin.query<{ genesis: string; genesis_signature: string; creator: string }>(
      'select genesis, genesis_signature, creator from channel.channels where channel_id = $1',
      [channel_id],
    );
    const genesis = JSON.parse(rows[0]?.genesis ?? '') as Genesis;
    expect(channelIdOf(genesis)).toBe(channel_id);
    expect(genesis.creator).toBe(alice.userId);
    const key = Buffer.from(genesis.creator_key.slice('ed25519:'.length), 'base64');
    expect(verifySigned(key, signingInput('GENESIS', genesis), rows[0]?.genesis_signature ?? '')).toBe(true);
  });

  it('[DCP-7.2-04] lets the owner change title and description, and tells the log what changed', async () => {
    const { channel_id } = await create({ name: '#settings', title: 'Old' });
    const update = (who: Actor, settings: { title?: string; description?: string }) =>
      world.bus.request(CHANNEL.update, { session: who.session, channel_id, ...settings });
    expect(await update(alice, { title: 'New', description: '' })).toMatchObject({ seq: 2, changed: true });
    expect(await resolve('#settings')).toMatchObject({ title: 'New', description: '' });
    expect((await entryOf(channel_id, 2)).content).toEqual({
      action: 'settings_changed',
      actor: alice.userId,
      target: '#settings',
      details: { name: 'New' },
    });
    expect(await update(alice, { title: 'New' })).toMatchObject({ seq: 2, changed: false });
    await world.join(bob, channel_id);
    expect(await refusalOf(update(bob, { title: 'Mine' }))).toMatchObject({ details: { reason: 'not_the_owner' } });
    expect(await refusalOf(update(actor('stranger'), { title: 'Mine' }))).toMatchObject({
      code: 'INSUFFICIENT_PERMISSIONS',
    });
    expect((await refusalOf(update(alice, { title: 'a\0' }))).code).toBe('INVALID_MESSAGE_FORMAT');
  });

  it('[DCP-9.2-01] lists public channels by name for anybody', async () => {
    const { channels } = await world.bus.request(CHANNEL.list, { user_id: bob.userId });
    const names = channels.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(['#general', '#development', '#development/rust-help']));
  });

  it('[DCP-14.2-08] answers 2002 for names and ids that do not exist', async () => {
    for (const name of ['#nope', `ch_${'a'.repeat(52)}`]) {
      expect((await refusalOf(resolve(name))).code).toBe('CHANNEL_NOT_FOUND');
    }
  });

  it('one user cannot own channels without end', async () => {
    const carol = actor('carol');
    for (let i = 0; i < 60; i++) await world.create(carol, `#carol-${i}`);
    expect(await refusalOf(world.create(carol, '#one-too-many'))).toMatchObject({
      details: { reason: 'too_many_channels' },
    });
  });
});
