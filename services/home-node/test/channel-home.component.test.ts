import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ready } from '@dcp/client-sdk';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type Person, resident, texts } from './support/person.js';
import { TestNode } from './support/test-node.js';

const GUARD_MS = 40_000;

jest.setTimeout(240_000);

describe('a channel that moves between three home nodes', () => {
  let folder: string;
  let nodes: TestNode[];
  let alice: Person;
  let bob: Person;
  let carol: Person;

  const [north, south, east] = [0, 1, 2].map((at) => () => nodes[at] as TestNode) as [
    () => TestNode,
    () => TestNode,
    () => TestNode,
  ];
  const start = (node: TestNode) => node.start(...nodes.filter((other) => other !== node));
  const all = async (channelId: string, expected: string[], people = [alice, bob, carol]) => {
    for (const person of people)
      await eventually(() => {
        expect({ who: person.userId, heard: texts(person, channelId) }).toEqual({
          who: person.userId,
          heard: expected,
        });
      }, GUARD_MS).catch((error: unknown) => {
        throw new Error(nodes.map((node) => node.said()).join('\n'), { cause: error });
      });
  };
  const channel = async (name: string) => {
    const { channelId } = await alice.client.create(name);
    for (const person of [bob, carol]) await person.client.join(`${name}@northnod`);
    await alice.client.sendAndWait(channelId, { text: 'at north' });
    await all(channelId, ['at north']);
    return channelId;
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-channel-home-'));
    await chmod(folder, 0o711);
    nodes = await Promise.all(['northnod', 'southnod', 'eastnode'].map((id) => TestNode.make(folder, id)));
    await Promise.all(nodes.map(start));
    [alice, bob, carol] = await Promise.all([
      resident(north(), 'alice'),
      resident(south(), 'bob'),
      resident(east(), 'carol'),
    ]);
  });

  afterAll(async () => {
    for (const person of [alice, bob, carol]) await person?.client.disconnect();
    for (const node of nodes ?? []) await node.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('goes on at its new home, encrypted as before, while everybody writes; the owner sees it under its new name', async () => {
    const channelId = await channel('#lobby');
    const said = ['one', 'two', 'three', 'four', 'five'];
    const people = [alice, bob, carol];
    const writing = people.map(async ({ client, userId }) => {
      for (const text of said) await client.sendAndWait(channelId, { text: `${userId} ${text}` });
    });
    const home = await alice.client.rooms.homes.handOver(channelId, 'southnod');
    expect(home).toMatchObject({ home_node: 'southnod', home_epoch: 2 });
    await Promise.all(writing);
    await eventually(() => expect(texts(carol, channelId)).toHaveLength(1 + 15), GUARD_MS);
    await all(channelId, texts(carol, channelId));
    for (const { userId } of people) {
      const mine = texts(carol, channelId).filter((text) => text.startsWith(userId));
      expect(mine).toEqual(said.map((text) => `${userId} ${text}`));
    }
    const names = async ({ client }: Person) =>
      (await client.myChannels()).find((one) => one.channel_id === channelId)?.id;
    expect(await names(alice)).toBe('#lobby@southnod');
    expect(await names(bob)).toBe('#lobby');
    await eventually(async () => expect(await names(carol)).toBe('#lobby@southnod'), GUARD_MS);
    for (const [person, name] of [
      [alice, '#lobby@southnod'],
      [bob, '#lobby'],
    ] as const) {
      expect(await person.client.rooms.homes.of(name)).toMatchObject({ channel: name, channel_id: channelId });
    }
    await expect(alice.client.rooms.homes.of('#lobby')).rejects.toMatchObject({ code: 'CHANNEL_NOT_FOUND' });
    const called = alice.client.events.next(
      'message',
      ({ message }) => message.content['text'] === 'under its new name',
    );
    await alice.client.sendAndWait(channelId, { text: 'under its new name' });
    expect((await called).message.channel).toBe('#lobby@southnod');
  });

  it('[DCP-1.1-01] outlives the node that it came from, which misses nothing when it is back', async () => {
    const channelId = await channel('#evening');
    await alice.client.rooms.homes.handOver(channelId, 'southnod');
    await north().process?.kill();
    await bob.client.sendAndWait(channelId, { text: 'at south' });
    await carol.client.sendAndWait(channelId, { text: 'from east' });
    await all(channelId, ['at north', 'at south', 'from east'], [bob, carol]);
    await start(north());
    await all(channelId, ['at north', 'at south', 'from east']);
    await alice.client.sendAndWait(channelId, { text: 'back again' });
    await all(channelId, ['at north', 'at south', 'from east', 'back again']);
  });

  it('waits while its new home is dead, goes on when it is back, and may come home again', async () => {
    const channelId = await channel('#night');
    await alice.client.rooms.homes.handOver(channelId, 'eastnode');
    await east().process?.kill();
    alice.sent.length = 0;
    await alice.client.send(channelId, { text: 'is anybody there?' });
    await eventually(() => expect(alice.sent.map(({ state }) => state)).toEqual(['queued']), GUARD_MS);
    await expect(alice.client.rooms.homes.handOver(channelId, 'southnod')).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
    });
    await start(east());
    await all(channelId, ['at north', 'is anybody there?']);
    const back = await alice.client.rooms.homes.handOver(channelId, 'northnod');
    expect(back).toMatchObject({ channel: '#night', home_node: 'northnod', home_epoch: 3, state: 'settled' });
    await carol.client.sendAndWait(channelId, { text: 'home again' });
    await all(channelId, ['at north', 'is anybody there?', 'home again']);
  });

  it('goes on when its home is lost for good, by its owner’s word; a home that comes back after all follows', async () => {
    const channelId = await channel('#harbour');
    await alice.client.rooms.homes.handOver(channelId, 'eastnode');
    await carol.client.sendAndWait(channelId, { text: 'at east' });
    await all(channelId, ['at north', 'at east']);
    await expect(alice.client.rooms.homes.replace(channelId)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'home_answers' },
    });
    // East goes on alone for a while: nobody hears what carol writes then.
    await Promise.all([north().process?.kill(), south().process?.kill()]);
    await carol.client.sendAndWait(channelId, { text: 'alone' });
    await east().process?.kill();
    await Promise.all([start(north()), start(south())]);
    bob.sent.length = 0;
    await eventually(() => bob.client.send(channelId, { text: 'is east there?' }), GUARD_MS);
    await eventually(() => expect(bob.sent.map(({ state }) => state)).toEqual(['queued']), GUARD_MS);
    const survey = await alice.client.rooms.homes.survey(channelId);
    expect(survey).toMatchObject({ home_node: 'eastnode', home_answers: false });
    expect(survey.nodes.map(({ node_id }) => node_id)).toEqual(['northnod', 'southnod']);
    const home = await alice.client.rooms.homes.replace(channelId, 'southnod');
    expect(home).toMatchObject({ home_node: 'southnod', home_epoch: 3, state: 'settled' });
    await all(channelId, ['at north', 'at east', 'is east there?'], [alice, bob]);
    await alice.client.sendAndWait(channelId, { text: 'we go on' });
    await start(east());
    // What only east had is ordered behind what the others have said meanwhile.
    await all(channelId, ['at north', 'at east', 'is east there?', 'we go on', 'alone'], [alice, bob]);
    await eventually(() => {
      const heard = texts(carol, channelId);
      expect(heard.slice(0, 3)).toEqual(['at north', 'at east', 'alone']);
      expect(heard.slice(3)).toEqual(['is east there?', 'we go on', 'alone']);
    }, GUARD_MS);
    await carol.client.sendAndWait(channelId, { text: 'carol is back' });
    for (const person of [alice, bob, carol])
      await eventually(() => expect(texts(person, channelId).at(-1)).toBe('carol is back'), GUARD_MS);
  });

  it('goes on when its owner is lost with its home, by the admins whom he has named; he is its owner still when he is back', async () => {
    const channelId = await channel('#orphan');
    const homes = ({ client }: Person) => client.rooms.homes;
    const mandate = await homes(alice).appoint(channelId, [bob.userId, carol.userId]);
    for (const admin of [bob, carol])
      await eventually(async () => expect(await homes(admin).of(channelId)).toMatchObject({ mandate }), GUARD_MS);
    await expect(homes(bob).propose(channelId)).rejects.toMatchObject({ details: { reason: 'home_answers' } });
    await north().process?.kill();
    const proposal = await homes(bob).propose(channelId, 'southnod');
    await expect(homes(bob).replace(channelId, undefined, { proposal })).rejects.toMatchObject({
      details: { reason: 'quorum', needed: 2, have: 1 },
    });
    const consents = [await homes(carol).agree(proposal)];
    const home = await homes(bob).replace(channelId, undefined, { proposal, consents });
    expect(home).toMatchObject({ home_node: 'southnod', home_epoch: 2, state: 'settled' });
    await bob.client.sendAndWait(channelId, { text: 'without north' });
    await carol.client.sendAndWait(channelId, { text: 'and its owner' });
    await all(channelId, ['at north', 'without north', 'and its owner'], [bob, carol]);
    await start(north());
    await all(channelId, ['at north', 'without north', 'and its owner']);
    await alice.client.sendAndWait(channelId, { text: 'well done' });
    await eventually(() => homes(alice).handOver(channelId, 'northnod'), GUARD_MS);
    await homes(alice).appoint(channelId, []);
    await all(channelId, ['at north', 'without north', 'and its owner', 'well done']);
  });
});
