// Runs in a process of its own, by Node's type stripping: `blind-clients.ts <url> <sealed marker> <readable marker>`.
import {
  addDevice,
  createIdentity,
  DcpClient,
  describeNode,
  HttpApi,
  ready,
  register,
  type OpenIdentity,
} from '@dcp/client-sdk';

const CLIENT = { name: 'blind', version: '1.0.0', capabilities: ['text', 'e2ee'] };
const TIMES = 5;
const READABLE_TIMES = 50;
const [url = '', sealed = '', readable = ''] = process.argv.slice(2);
const endpoint = url.replace(/^http/, 'ws');

interface Reader {
  client: DcpClient;
  identity: OpenIdentity;
  /** What could be read, in any channel. */
  texts: Set<string>;
}

async function arrive(name: string, nodeId: string): Promise<Reader> {
  const identity = await createIdentity(
    { username: name, homeNode: { id: nodeId, endpoint }, kdf: 'pbkdf2' },
    'a passphrase of tests',
  );
  await register(new HttpApi(endpoint), identity.file, { keepEncryptedData: true });
  return await connect(identity, nodeId);
}

async function connect(identity: OpenIdentity, nodeId: string): Promise<Reader> {
  const device = await addDevice(identity, 'blind', CLIENT);
  const client = new DcpClient({ endpoint, nodeId, device, clientInfo: CLIENT });
  const texts = new Set<string>();
  const note = ({ message }: { message: { content: Record<string, unknown> } }) =>
    texts.add(String(message.content['text']));
  client.events.on('message', note);
  client.events.on('decrypted', note);
  await client.connect();
  return { client, identity, texts };
}

/** Everybody says his words, and everybody has read them all. */
async function talk(channelId: string, kind: string, members: readonly Reader[], marker: string, times: number) {
  const said: string[] = [];
  for (let n = 1; n <= times; n++) {
    for (const { client } of members) {
      const text = `${marker} ${kind} ${client.userId} ${n}`;
      await client.sendAndWait(channelId, { text });
      said.push(text);
    }
  }
  for (const { client, texts } of members)
    await until(`${client.userId} reads ${kind}`, () => said.every((text) => texts.has(text)));
  return said.length;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function follows({ client }: Reader, channelId: string): Promise<void> {
  await until(`${client.userId} is in the channel`, async () =>
    (await client.myChannels()).some(({ channel_id }) => channel_id === channelId),
  );
}

await ready();
const nodeId = (await describeNode(new HttpApi(endpoint))).node_info.id;
const [alice, bob, carol] = [await arrive('alice', nodeId), await arrive('bob', nodeId), await arrive('carol', nodeId)];
let count = 0;

const dm = (await alice.client.rooms.openDm(bob.client.userId)).channelId;
await follows(bob, dm);
await bob.client.rooms.openDm(alice.client.userId);
count += await talk(dm, 'dm', [alice, bob], sealed, TIMES);

const group = (await alice.client.rooms.createGroup([bob.client.userId, carol.client.userId])).channelId;
for (const one of [bob, carol]) {
  await follows(one, group);
  await one.client.rooms.follow(group);
}
count += await talk(group, 'group', [alice, bob, carol], sealed, TIMES);

const closed = (await alice.client.rooms.createPrivate('#closed')).channelId;
await alice.client.rooms.invite(closed, bob.client.userId);
await bob.client.join(closed);
count += await talk(closed, 'private', [alice, bob], sealed, TIMES);

const open = (await alice.client.create('#open')).channelId;
for (const { client } of [bob, carol]) await client.join(open);
count += await talk(open, 'public', [alice, bob, carol], sealed, TIMES);

// The backup holds the keys: a new device reads what was said before it came.
for (const { client } of [alice, bob, carol]) await client.encryption.backup.flush();
const laptop = await connect(bob.identity, nodeId);
for (const channelId of [dm, group, closed, open]) {
  const { messages } = await laptop.client.history(channelId, { limit: 50 });
  const unread = messages.filter(
    ({ type, content }) => type !== 'system' && !String(content['text']).startsWith(sealed),
  );
  if (unread.length > 0) throw new Error(`${unread.length} messages of the history cannot be read`);
}

const known = (await alice.client.create('#readable', { encryption: 'node' })).channelId;
await bob.client.join(known);
await talk(known, 'readable', [alice, bob], readable, READABLE_TIMES);
console.log(`SAID ${count}`);
// Stays connected while the node is searched.
setInterval(() => undefined, 60_000);
