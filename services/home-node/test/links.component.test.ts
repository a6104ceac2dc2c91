import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parseLink, ready } from '@dcp/client-sdk';
import { eventually, freePort } from '@dcp/testkit';
import { type Person, resident, texts } from './support/person.js';
import { TestNode } from './support/test-node.js';

const GUARD_MS = 30_000;

jest.setTimeout(180_000);

describe('links to a node that nobody has told this one of', () => {
  let folder: string;
  let north: TestNode;
  let east: TestNode;
  let alice: Person;
  let erin: Person;

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-links-'));
    await chmod(folder, 0o711);
    [north, east] = [await TestNode.make(folder, 'northnod'), await TestNode.make(folder, 'eastnode')];
    await Promise.all([north.start(), east.start()]);
    [alice, erin] = [await resident(north, 'alice'), await resident(east, 'erin')];
  });

  afterAll(async () => {
    for (const person of [alice, erin]) await person?.client.disconnect();
    for (const node of [north, east]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('[DCP-10.3-04] nodes that have not rated each other: one writes when the other has said yes', async () => {
    const asked = alice.client.events.next('invitation');
    await expect(erin.client.rooms.openDm(alice.client.rooms.contactLink())).rejects.toMatchObject({
      details: { reason: 'acceptance_required' },
    });
    expect(await asked).toMatchObject({ channel: `@${erin.userId}`, by: erin.userId, change: 'invited' });
    expect(await alice.client.rooms.invitations()).toMatchObject([{ channel: `@${erin.userId}` }]);
    const { channelId } = await alice.client.rooms.openDm(erin.userId);
    await alice.client.sendAndWait(channelId, { text: 'yes, do' });
    await eventually(() => expect(texts(erin, channelId)).toEqual(['yes, do']), GUARD_MS);
    await erin.client.sendAndWait(channelId, { text: 'hello' });
    await eventually(() => expect(texts(alice, channelId)).toEqual(['yes, do', 'hello']), GUARD_MS);
    expect(await alice.client.rooms.invitations()).toEqual([]);
    const open = await alice.client.create('#closed', { encryption: 'node' });
    await expect(erin.client.join(alice.client.rooms.channelLink(open.channelId))).rejects.toMatchObject({
      details: { reason: 'trust_level' },
    });
    // Who may come is the operators' to say; the first account of each node is its owner. Where the other node is, nobody says.
    const rate = ({ client }: Person, node: TestNode) =>
      client.call(`/admin/trust/levels/${node.id}`, { method: 'PUT', body: { level: 'trusted' } });
    await rate(alice, east);
    await rate(erin, north);
  });

  it('before it is met, a node is an id and no more', async () => {
    const nowhere = 'c9y2m7q1';
    await expect(erin.client.join(`#unseen@${nowhere}`)).rejects.toMatchObject({ code: 'NODE_UNREACHABLE' });
    const nobody = `127.0.0.1:${await freePort()}`;
    await expect(erin.client.join(`#unseen@${nowhere}`, { via: nobody })).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
    });
    await expect(erin.client.rooms.meet('no host')).rejects.toMatchObject({ code: 'INVALID_MESSAGE_FORMAT' });
  });

  it('[DCP-10.1-01] by the link of a private channel somebody of another node comes in, and they talk', async () => {
    const { channelId } = await alice.client.rooms.createPrivate('#garden');
    const { url } = await alice.client.rooms.createLink(channelId);
    const joined = await erin.client.join(url);
    expect(joined.channel).toBe('#garden@northnod');
    await erin.client.sendAndWait(channelId, { text: 'I came by the link' });
    await eventually(() => expect(texts(alice, channelId)).toEqual(['I came by the link']), GUARD_MS);
  });

  it('by the address of a public channel, and by name with a host', async () => {
    const { channelId } = await alice.client.create('#square', { encryption: 'node' });
    await erin.client.join(alice.client.rooms.channelLink(channelId));
    await erin.client.sendAndWait(channelId, { text: 'hello square' });
    await eventually(() => expect(texts(alice, channelId)).toEqual(['hello square']), GUARD_MS);
    const other = await alice.client.create('#street');
    await erin.client.join('#street@northnod', { via: `127.0.0.1:${north.port}` });
    await erin.client.sendAndWait(other.channelId, { text: 'hello street' });
    await eventually(() => expect(texts(alice, other.channelId)).toEqual(['hello street']), GUARD_MS);
  });

  it("by somebody's address one writes to him", async () => {
    const link = alice.client.rooms.contactLink();
    expect(parseLink(link)).toEqual({ kind: 'user', userId: alice.userId, via: `127.0.0.1:${north.port}` });
    const { channelId } = await erin.client.rooms.openDm(link);
    await erin.client.sendAndWait(channelId, { text: 'hi alice' });
    await eventually(() => expect(texts(alice, channelId)).toContain('hi alice'), GUARD_MS);
  });

  it("the own node's links need nobody else", async () => {
    const { channelId } = await alice.client.create('#here', { encryption: 'node' });
    const eve = await resident(north, 'eve');
    await eve.client.join(alice.client.rooms.channelLink(channelId));
    expect(await eve.client.rooms.meet(`127.0.0.1:${north.port}`)).toBe(north.id);
    await eve.client.disconnect();
  });
});
