import { addDevice, createIdentity, DcpClient, HttpApi, register, type OpenIdentity } from '@dcp/client-sdk';
import type { PostAck } from '@dcp/protocol';
import type { TestNode } from './test-node.js';

export const INFO = { name: 'test', version: '1.0.0' };

export interface Person {
  identity: OpenIdentity;
  userId: string;
  client: DcpClient;
  /** Texts as they came, with their numbers. */
  heard: { channelId: string; seq: number; text: string; fault?: string }[];
  sent: PostAck[];
}

/** Makes an account at the node, with one device, and connects it. */
export async function resident(node: Pick<TestNode, 'id' | 'endpoint'>, username: string): Promise<Person> {
  const { id, endpoint } = node;
  const identity = await createIdentity(
    { username, homeNode: { id, endpoint }, kdf: 'pbkdf2' },
    'a passphrase of tests',
  );
  await register(new HttpApi(endpoint), identity.file);
  const device = await addDevice(identity, 'test', INFO);
  const client = new DcpClient({
    endpoint,
    nodeId: id,
    device,
    clientInfo: INFO,
    backoff: { initialMs: 100, maxMs: 500 },
  });
  const person: Person = { identity, userId: identity.file.identity.full_id, client, heard: [], sent: [] };
  client.events.on('message', ({ channelId, seq, message, undecryptable }) => {
    const text = message.content['text'];
    if (message.type !== 'system')
      person.heard.push({
        channelId,
        seq,
        text: String(text),
        ...(undecryptable === undefined ? {} : { fault: undecryptable.reason }),
      });
  });
  client.events.on('decrypted', ({ channelId, seq, message }) => {
    const at = person.heard.findIndex((one) => one.channelId === channelId && one.seq === seq);
    person.heard[at] = { channelId, seq, text: String(message.content['text']) };
  });
  client.events.on('sent', ({ ack }) => person.sent.push(ack));
  await client.connect();
  return person;
}

/** What he has heard of a channel, in order; for what he could not read, why. */
export function texts({ heard }: Person, channel: string): string[] {
  return heard.filter(({ channelId }) => channelId === channel).map(({ text, fault }) => fault ?? text);
}
