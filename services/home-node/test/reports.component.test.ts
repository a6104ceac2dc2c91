import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ready } from '@dcp/client-sdk';
import { eventually } from '@dcp/testkit';
import { type Person, resident, texts } from './support/person.js';
import { TestNode } from './support/test-node.js';

const GUARD_MS = 30_000;
const TRUST = '/admin/trust';

jest.setTimeout(180_000);

interface Shown {
  id: string;
  verified: boolean;
  content: { text: string } | null;
}

describe('a message of a user of another node that is reported', () => {
  let folder: string;
  let [north, south] = [] as unknown as [TestNode, TestNode];
  /** The first account of a node runs it. */
  let [alice, carol] = [] as unknown as [Person, Person];
  let [bossOfSouth, mallory] = [] as unknown as [Person, Person];
  let room: string;

  const heard = (who: Person, channelId: string, text: string) =>
    eventually(() => expect(texts(who, channelId)).toContain(text), GUARD_MS);
  const open = async () => (await alice.client.call<{ reports: Shown[] }>(`${TRUST}/reports`)).reports;
  const about = async (at: Person, target: string) => {
    const path = `${TRUST}/decisions?target=${encodeURIComponent(target)}`;
    return (await at.client.call<{ decisions: object[] }>(path)).decisions[0];
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-reports-'));
    await chmod(folder, 0o711);
    [north, south] = [await TestNode.make(folder, 'northnod'), await TestNode.make(folder, 'southnod')];
    await Promise.all([north.start(south), south.start(north)]);
    [alice, carol] = [await resident(north, 'alice'), await resident(north, 'carol')];
    [bossOfSouth, mallory] = [await resident(south, 'boss'), await resident(south, 'mallory')];
    // His channel, at his node: the reporter's has a replica.
    room = (await mallory.client.create('#den')).channelId;
    await carol.client.join('#den@southnod');
  });
  afterAll(async () => {
    for (const person of [alice, carol, mallory, bossOfSouth]) await person?.client.disconnect();
    for (const node of [north, south]) await node?.process?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it("is verified by the reporter's node, and then by his own, each by itself", async () => {
    for (const text of ['before', 'a threat', 'after']) {
      await mallory.client.sendAndWait(room, { text });
      await heard(carol, room, text);
    }
    const { messages } = await carol.client.history(room);
    const id = messages.find(({ content }) => content['text'] === 'a threat')?.id ?? '';
    const receipt = await carol.client.report(room, id, { reason: 'threat', note: 'help' });
    expect(receipt).toEqual({ id: receipt.id, verified: true, fault: null });
    expect(await open()).toMatchObject([{ id: receipt.id, author: mallory.userId, content: { text: 'a threat' } }]);
    await alice.client.call(`${TRUST}/decisions`, {
      method: 'POST',
      body: { action: 'ban_user', target: mallory.userId, reports: [receipt.id], with_proof: true },
    });
    expect(await open()).toEqual([]);
    const proven = { author: mallory.userId, content: { text: 'a threat' } };
    for (const boss of [alice, bossOfSouth])
      await eventually(
        async () => expect(await about(boss, mallory.userId)).toMatchObject({ evidence_verified: true, proven }),
        GUARD_MS,
      );
  });

  it('in a direct message, too', async () => {
    const { channelId } = await carol.client.rooms.openDm(bossOfSouth.userId);
    await bossOfSouth.client.sendAndWait(channelId, { text: 'between us' });
    await heard(carol, channelId, 'between us');
    const { messages } = await carol.client.history(channelId);
    const id = messages.at(-1)?.id ?? '';
    expect(await carol.client.report(channelId, id, { reason: 'harassment' })).toMatchObject({ verified: true });
    expect((await open())[0]).toMatchObject({ verified: true, content: { text: 'between us' } });
  });

  it('is verified where the node wrote it for its author, and cannot be altered', async () => {
    const { channelId } = await carol.client.create('#readable', { encryption: 'node' });
    const path = `/channels/${channelId}/messages`;
    await alice.client.join('#readable');
    const post = { content: { text: 'plain words', format: 'plain' } };
    const { message_id } = await alice.client.call<{ message_id: string }>(path, { method: 'POST', body: post });
    expect(await carol.client.report(channelId, message_id, { reason: 'spam' })).toMatchObject({ verified: true });
    const { messages } = await carol.client.call<{ messages: Record<string, unknown>[] }>(path);
    const stored = messages.find(({ id }) => id === message_id) ?? {};
    const forged = { ...stored, content: { text: 'other words', format: 'plain' }, id: 'msg_aaaaaaaaaaaaaaaa' };
    const body = { channel_id: channelId, message: forged, reason: 'spam' };
    expect(await carol.client.call('/reports', { method: 'POST', body })).toMatchObject({ verified: false });
  });
});
