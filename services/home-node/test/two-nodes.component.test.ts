import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { addDevice, DcpClient, ready, revokeDevice } from '@dcp/client-sdk';
import { eventually } from '@dcp/testkit';
import { INFO, type Person, resident, texts } from './support/person.js';
import { TestNode } from './support/test-node.js';

const GUARD_MS = 30_000;

jest.setTimeout(180_000);

describe('two home nodes that know each other', () => {
  let folder: string;
  let north: TestNode;
  let south: TestNode;
  let alice: Person;
  let bob: Person;

  const both = async (channelId: string, expected: string[]) => {
    for (const person of [alice, bob])
      await eventually(() => expect(texts(person, channelId)).toEqual(expected), GUARD_MS);
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-two-nodes-'));
    await chmod(folder, 0o711);
    [north, south] = [await TestNode.make(folder, 'northnod'), await TestNode.make(folder, 'southnod')];
    await Promise.all([north.start(south), south.start(north)]);
    [alice, bob] = [await resident(north, 'alice'), await resident(south, 'bob')];
  });

  afterAll(async () => {
    for (const person of [alice, bob]) await person?.client.disconnect();
    for (const node of [north, south]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('[DCP-10.1-02] [DCP-16.2-04] [DCP-1.2-01] users of both talk in an encrypted channel, in one order', async () => {
    const { channelId } = await alice.client.create('#lobby');
    await bob.client.join('#lobby@northnod');
    await alice.client.sendAndWait(channelId, { text: 'hello south' });
    await eventually(() => expect(texts(bob, channelId)).toEqual(['hello south']), GUARD_MS);
    await bob.client.sendAndWait(channelId, { text: 'hello north' });
    await both(channelId, ['hello south', 'hello north']);
    expect(alice.heard.map(({ seq }) => seq)).toEqual(bob.heard.map(({ seq }) => seq));
    const { messages } = await bob.client.history(channelId);
    expect(messages.filter(({ type }) => type !== 'system').map(({ content }) => content['text'])).toEqual([
      'hello south',
      'hello north',
    ]);
  });

  it('[DCP-9.2-04] [DCP-16.2-04] they write to each other directly, from both sides', async () => {
    const { channelId } = await bob.client.rooms.openDm(alice.userId);
    await bob.client.sendAndWait(channelId, { text: 'hi alice' });
    await eventually(() => expect(texts(alice, channelId)).toEqual(['hi alice']), GUARD_MS);
    await alice.client.sendAndWait(channelId, { text: 'hi bob' });
    await both(channelId, ['hi alice', 'hi bob']);
  });

  it('[DCP-7.2-03] they see each other type', async () => {
    const { channelId } = await alice.client.create('#typing');
    await bob.client.join('#typing@northnod');
    for (const [writer, reader] of [
      [bob, alice],
      [alice, bob],
    ] as const) {
      const seen = reader.client.events.next('typing', ({ user_id }) => user_id === writer.userId);
      await eventually(async () => {
        await writer.client.typing(channelId, true);
        expect(await Promise.race([seen, delay(300)])).toMatchObject({ channel_id: channelId, typing: true });
      }, GUARD_MS);
    }
  });

  it('[DCP-10.2-01] [DCP-10.2-02] bytes that are routed to a user reach his client as they are; the sender is not named', async () => {
    const routed = alice.client.events.next('routed');
    await bob.client.route(alice.userId, 'SGVsbG8=');
    expect(await routed).toEqual({
      sourceNode: south.id,
      encryptedMessage: 'SGVsbG8=',
      receivedAt: expect.stringMatching(/Z$/),
    });
  });

  it('[DCP-9.2-02] [DCP-16.2-04] a private channel takes in somebody of the other node, and puts him out', async () => {
    const { channelId } = await alice.client.rooms.createPrivate('#plans');
    const invited = bob.client.events.next('invitation', ({ channel_id }) => channel_id === channelId);
    await alice.client.rooms.invite(channelId, bob.userId);
    await invited;
    await bob.client.join(channelId);
    await bob.client.sendAndWait(channelId, { text: 'I am in' });
    await both(channelId, ['I am in']);
    await alice.client.rooms.kick(channelId, bob.userId);
    await alice.client.sendAndWait(channelId, { text: 'without him' });
    await eventually(() => expect(texts(alice, channelId)).toEqual(['I am in', 'without him']), GUARD_MS);
    await expect(bob.client.sendAndWait(channelId, { text: 'am I?' })).rejects.toMatchObject({ name: 'DcpError' });
    expect(texts(bob, channelId)).toEqual(['I am in']);
  });

  it('[DCP-12.3-06] [DCP-12.3-07] a device that was added or revoked at one node is known at the other at once', async () => {
    const { channelId } = await alice.client.create('#devices');
    await bob.client.join('#devices@northnod');
    await alice.client.sendAndWait(channelId, { text: 'before' });
    const told = alice.client.events.next('devicesChanged', ({ userId }) => userId === bob.userId);
    const laptop = await addDevice(bob.identity, 'laptop', INFO);
    await told;
    const second = new DcpClient({ endpoint: south.endpoint, nodeId: south.id, device: laptop, clientInfo: INFO });
    await second.connect();
    const heard = second.events.next('message', ({ message }) => message.content['text'] === 'to both');
    await alice.client.sendAndWait(channelId, { text: 'to both' });
    await heard;
    const gone = alice.client.events.next('devicesChanged', ({ userId }) => userId === bob.userId);
    await revokeDevice(bob.identity, laptop.id, INFO);
    await gone;
    await alice.client.sendAndWait(channelId, { text: 'to one' });
    const [last] = (await alice.client.history(channelId)).messages.slice(-1);
    expect(await second.encryption.received.find(last?.encryption.key_id ?? '')).toBeUndefined();
    await eventually(() => expect(texts(bob, channelId)).toEqual(['before', 'to both', 'to one']), GUARD_MS);
    await second.disconnect();
  });

  it('[DCP-14.3-02] what waits for a home that is away is encrypted anew when members have changed there meanwhile', async () => {
    const { channelId } = await alice.client.create('#changing');
    await bob.client.join('#changing@northnod');
    await alice.client.sendAndWait(channelId, { text: 'hello' });
    await eventually(() => expect(texts(bob, channelId)).toEqual(['hello']), GUARD_MS);
    const carol = await resident(north, 'carol');
    await south.process?.kill();
    await carol.client.join('#changing');
    await carol.client.sendAndWait(channelId, { text: 'carol is here' });
    await north.process?.kill();
    await south.start(north);
    await eventually(() => expect(bob.client.state).toBe('online'), GUARD_MS);
    bob.sent.length = 0;
    await bob.client.send(channelId, { text: 'for all who are in' });
    await eventually(() => expect(bob.sent.map(({ state }) => state)).toEqual(['queued']), GUARD_MS);
    await north.start(south);
    await eventually(() => expect(texts(carol, channelId)).toEqual(['carol is here', 'for all who are in']), GUARD_MS);
    await both(channelId, ['hello', 'carol is here', 'for all who are in']);
    await carol.client.disconnect();
  });

  it('[DCP-1.1-01] [DCP-14.3-02] the home away: its channel is read, what is written waits, and comes once, in order', async () => {
    const { channelId } = await alice.client.create('#evening');
    await bob.client.join('#evening@northnod');
    await alice.client.sendAndWait(channelId, { text: 'good night' });
    await eventually(() => expect(texts(bob, channelId)).toEqual(['good night']), GUARD_MS);
    await north.process?.kill();
    bob.sent.length = 0;
    for (const text of ['are you there?', 'hello?']) await bob.client.send(channelId, { text });
    await eventually(() => expect(bob.sent.map(({ state }) => state)).toEqual(['queued', 'queued']), GUARD_MS);
    const { messages } = await bob.client.history(channelId);
    expect(messages.map(({ content }) => content['text'])).toContain('good night');
    await north.start(south);
    await both(channelId, ['good night', 'are you there?', 'hello?']);
  });

  it('[DCP-14.3-05] a refusal of what had waited is told to an author who was away, once he is back', async () => {
    const { channelId } = await alice.client.rooms.createPrivate('#inner');
    const invited = bob.client.events.next('invitation', ({ channel_id }) => channel_id === channelId);
    await alice.client.rooms.invite(channelId, bob.userId);
    await invited;
    await bob.client.join(channelId);
    await bob.client.sendAndWait(channelId, { text: 'I am in' });
    await eventually(() => expect(texts(alice, channelId)).toEqual(['I am in']), GUARD_MS);
    await north.process?.kill();
    bob.sent.length = 0;
    const { id } = await bob.client.send(channelId, { text: 'too late' });
    await eventually(() => expect(bob.sent.map(({ state }) => state)).toEqual(['queued']), GUARD_MS);
    await bob.client.disconnect();
    await south.process?.kill();
    await north.start(south);
    await eventually(() => expect(alice.client.state).toBe('online'), GUARD_MS);
    await alice.client.rooms.kick(channelId, bob.userId);
    await south.start(north);
    const failed: string[] = [];
    bob.client.events.on('failed', ({ message }) => failed.push(message.id));
    await eventually(async () => {
      await bob.client.disconnect();
      await bob.client.connect();
      expect(failed).toContain(id);
    }, GUARD_MS);
    failed.length = 0;
    await bob.client.disconnect();
    await bob.client.connect();
    await bob.client.setStatus('online');
    expect(failed).toEqual([]);
    expect(texts(alice, channelId)).toEqual(['I am in']);
  });
});
