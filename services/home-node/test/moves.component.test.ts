import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { type MovedAccount, ready } from '@dcp/client-sdk';
import { asDcpError, moveInError } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { type Person, resident, texts } from './support/person.js';
import { TestNode } from './support/test-node.js';

const GUARD_MS = 30_000;

jest.setTimeout(180_000);

describe('somebody who moves from one home node to another', () => {
  let folder: string;
  let north: TestNode;
  let south: TestNode;
  /** Anna as she was, in the north, and as she goes on, in the south. */
  let anna: Person;
  let next: Person;
  /** Her contacts at the old node and at the new one. */
  let bob: Person;
  let carol: Person;
  let people: Person[];
  const channels: Record<'lobby' | 'square' | 'plans' | 'bobs' | 'carols', string> = {
    lobby: '',
    square: '',
    plans: '',
    bobs: '',
    carols: '',
  };
  let moved: MovedAccount;

  const talk = async (channelId: string, from: Person, to: Person, text: string) => {
    await from.client.sendAndWait(channelId, { text });
    await eventually(() => expect(texts(to, channelId)).toContain(text), GUARD_MS);
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-moves-'));
    await chmod(folder, 0o711);
    [north, south] = [await TestNode.make(folder, 'northnod'), await TestNode.make(folder, 'southnod')];
    await Promise.all([north.start(south), south.start(north)]);
    anna = await resident(north, 'anna');
    next = await resident(south, 'anna');
    [bob, carol] = [await resident(north, 'bob'), await resident(south, 'carol')];
    people = [anna, next, bob, carol];
    await liveInTheNorth();
  });

  afterAll(async () => {
    for (const person of people) await person.client.disconnect();
    for (const node of [north, south]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function liveInTheNorth(): Promise<void> {
    channels.lobby = (await bob.client.create('#lobby')).channelId;
    channels.square = (await carol.client.create('#square', { encryption: 'node' })).channelId;
    channels.plans = (await bob.client.rooms.createPrivate('#plans')).channelId;
    await bob.client.rooms.invite(channels.plans, anna.userId);
    for (const name of ['#lobby', '#square@southnod', channels.plans]) await anna.client.join(name);
    channels.bobs = (await bob.client.rooms.openDm(anna.userId)).channelId;
    channels.carols = (await carol.client.rooms.openDm(anna.userId)).channelId;
    await talk(channels.bobs, bob, anna, 'hi anna');
    await talk(channels.carols, carol, anna, 'hello from the south');
  }

  it('joins what everybody may join by herself, and knows what is left; contacts at both nodes hear of it', async () => {
    const heard = [bob, carol].map(({ client }) => client.events.next('userMoved'));
    moved = await anna.client.moveAccount({ from: anna.identity, to: next.identity, next: next.client });
    const record = { user_id: anna.userId, to: next.userId, via: `127.0.0.1:${south.port}` };
    expect(moved.record).toMatchObject(record);
    for (const event of await Promise.all(heard))
      expect(event).toEqual({ userId: anna.userId, to: next.userId, record: moved.record });
    const joined = moved.joined.map(({ channelId }) => channelId);
    expect(joined).toEqual(expect.arrayContaining([channels.lobby, channels.square]));
    expect(moved.needInvitation).toEqual([{ channelId: channels.plans, channel: '#plans', visibility: 'private' }]);
    expect(moved.failed).toEqual([]);
    expect(moved.contacts.toSorted()).toEqual([bob.userId, carol.userId].toSorted());
    await talk(channels.lobby, next, bob, 'here I am again');
    await talk(channels.square, next, carol, 'in the square, too');
  });

  it('her contacts write to her old address and reach her at the new one', async () => {
    for (const contact of [bob, carol]) {
      const dm = await contact.client.rooms.openDm(anna.userId);
      expect(dm).toMatchObject({ channel: `@${next.userId}`, userId: next.userId, moves: [moved.record] });
      await talk(dm.channelId, contact, next, `found you, says ${contact.userId}`);
      await talk(dm.channelId, next, contact, 'welcome');
    }
  });

  it('who never knew her is led there, too, with the proof, and invitations are', async () => {
    const dave = await resident(north, 'dave');
    people.push(dave);
    const dm = await dave.client.rooms.openDm(anna.userId);
    expect(dm).toMatchObject({ userId: next.userId, moves: [moved.record] });
    await talk(dm.channelId, dave, next, 'we have not met');
    const refusal = await bob.client.rooms.invite(channels.plans, anna.userId).catch(asDcpError);
    expect(moveInError(asDcpError(refusal))).toMatchObject({ to: next.userId });
    const invited = next.client.events.next('invitation', ({ channel_id }) => channel_id === channels.plans);
    await bob.client.rooms.invite(channels.plans, next.userId);
    await invited;
    await next.client.join(channels.plans);
    await talk(channels.plans, bob, next, 'the plans go on');
  });

  it('what was written to the old address is read by the old device as long as it is there', async () => {
    await talk(channels.bobs, bob, anna, 'did you see this?');
    await talk(channels.carols, carol, anna, 'and this?');
    const profile = await bob.client.call<object>(`/users/${anna.userId}`);
    expect(profile).toMatchObject({ user_id: anna.userId, moved_to: moved.record });
  });

  it('is found in the south when the old node is gone', async () => {
    const erin = await resident(south, 'erin');
    people.push(erin);
    await north.process?.kill();
    const dm = await erin.client.rooms.openDm(anna.userId);
    expect(dm).toMatchObject({ userId: next.userId });
    await talk(dm.channelId, erin, next, 'the north is dark');
    const again = await carol.client.rooms.openDm(anna.userId);
    await talk(again.channelId, carol, next, 'still here');
  });
});
