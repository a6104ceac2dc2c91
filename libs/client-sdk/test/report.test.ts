import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { fromBase64, ready } from '@dcp/crypto';
import { messageReport, sealedFrameOf, type MessageReport, type StoredMessage } from '@dcp/protocol';
import { openContent } from '../src/e2ee/message-form.js';
import { reportMessage } from '../src/report.js';
import { Actor, Person } from './actor.js';
import { ScriptedNode } from './scripted-node.js';

/** What a reporter discloses: one message with its own key, and never anything else. */

beforeAll(ready);
let node: ScriptedNode;
let [alice, bob] = [] as unknown as [Actor, Actor];
let room: string;

async function meet(archive: boolean): Promise<void> {
  alice = await new Person(node, 'alice').device({ archive });
  bob = await new Person(node, 'bob').device();
  room = await alice.createPrivate(bob);
  await settle();
}

beforeEach(() => {
  node = new ScriptedNode();
});
afterEach(() => [alice, bob].forEach((actor) => actor.stop()));

const settle = async () => {
  for (const one of [alice, bob]) await one.settled();
};
const report = (messageId: string, more: object = {}) =>
  reportMessage(node.port(alice.userId, alice.device), alice.engine.disclosure, room, messageId, {
    reason: 'spam',
    ...more,
  });
/** What bob wrote, once alice has it. */
const said = async (text: string): Promise<string> => {
  await bob.say(room, text);
  await settle();
  return idOf();
};
const idOf = () => String(node.channel(room).log.at(-1)?.id);
const stored = (id: string) => node.channel(room).log.find((one) => one.id === id) as StoredMessage & object;
const receivedKeys = async () => {
  const names = await alice.storage.keys('e2ee/received/');
  return await Promise.all(names.map((name) => alice.storage.get(name)));
};
/** As whoever judges it would. */
const openedBy = ({ message, key = '' }: MessageReport, other: StoredMessage = message) => {
  const frame = sealedFrameOf(other);
  if (frame === undefined) throw new Error('not sealed');
  return openContent(fromBase64(key), frame, other.encryption.nonce, other.content).content;
};

describe('a report', () => {
  it('is of what somebody wrote, not of a change of the channel', async () => {
    await meet(true);
    const refused = { code: 'CONFLICT', details: { reason: 'not_written', message_id: idOf() } };
    await expect(report(idOf())).rejects.toMatchObject(refused);
  });

  it('of a message that was read takes its key from the backup: it opens this message, and no other', async () => {
    await meet(true);
    const [first, second] = [await said('first'), await said('second')];
    const id = await said('buy my pills');
    const after = await said('after it');
    const before = await receivedKeys();
    expect(await report(id, { note: 'every day' })).toMatchObject({ verified: true });
    const [sent] = node.reports as [MessageReport];
    expect(messageReport.parse(sent)).toMatchObject({ channel_id: room, reason: 'spam', note: 'every day' });
    const { node: _node, channel: _channel, ...message } = stored(id) as unknown as Record<string, unknown>;
    expect(sent.message).toEqual(message);
    expect(openedBy(sent)).toMatchObject({ text: 'buy my pills' });
    for (const other of [first, second, after]) expect(() => openedBy(sent, stored(other))).toThrow('tampered');
    expect(await receivedKeys()).toEqual(before);
    await said('still readable');
    expect(alice.texts()).toEqual(['first', 'second', 'buy my pills', 'after it', 'still readable']);
  });

  it('of a message that was not read yet leaves it readable', async () => {
    await meet(false);
    await said('hello');
    node.listeners.delete(alice);
    await bob.say(room, 'unread');
    await report(idOf());
    expect(openedBy(node.reports[0] as MessageReport)).toMatchObject({ text: 'unread' });
    node.listeners.add(alice);
    node.replay(alice, room, (node.channel(room).log.at(-1)?.node.seq ?? 0) - 1);
    await settle();
    expect(alice.texts()).toEqual(['hello', 'unread']);
  });

  it('says when the key is gone, and goes without it only when it is told to', async () => {
    await meet(false);
    const id = await said('gone in a moment');
    await expect(report(id)).rejects.toMatchObject({ code: 'CONFLICT', details: { reason: 'key_gone' } });
    expect(node.reports).toEqual([]);
    await report(id, { withoutKey: true });
    expect(node.reports[0]).toMatchObject({ message: { id } });
    expect(node.reports[0]).not.toHaveProperty('key');
  });

  it('discloses nothing when the node shows the message under the number of another, or of another key', async () => {
    await meet(true);
    const secret = await said('something private');
    const id = await said('spam');
    const shown = stored(id);
    const honest = shown.encryption;
    shown.encryption = { ...honest, n: stored(secret).encryption.n };
    await expect(report(id)).rejects.toMatchObject({ details: { reason: 'key_gone' } });
    shown.encryption = honest;
    Object.assign(shown, { author: alice.userId });
    await expect(report(id)).rejects.toMatchObject({ details: { reason: 'key_gone' } });
    expect(node.reports).toEqual([]);
  });

  it('discloses no key that opens the message to other words than those that were read', async () => {
    await meet(true);
    const id = await said('as it was read');
    const { author, timestamp, type } = stored(id);
    await alice.engine.archive.keepSent(room, id, { content: { text: 'other words' }, author, timestamp, type });
    await expect(report(id)).rejects.toMatchObject({ details: { reason: 'key_gone' } });
  });

  it('is none of a message that is not there, or that the node does not show', async () => {
    await meet(true);
    await expect(report('msg_aaaaaaaaaaaaaaaa')).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
    const [id, other] = [await said('asked for'), await said('shown in its place')];
    const port = node.port(alice.userId, alice.device);
    const lying = {
      ...port,
      command: async <T>(command: string, data: object) =>
        'after' in data ? ({ messages: [stored(other)], last_seq: 1 } as T) : await port.command<T>(command, data),
    };
    const lie = reportMessage(lying, alice.engine.disclosure, room, id, { reason: 'spam' });
    await expect(lie).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
    Object.assign(node.channel(room).log.at(-1) ?? {}, { channel_id: 'ch_other' });
    await expect(report(other)).rejects.toMatchObject({ code: 'MESSAGE_NOT_FOUND' });
    expect(node.reports).toEqual([]);
  });
});
