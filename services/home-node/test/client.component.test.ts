import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  addDevice,
  createIdentity,
  DcpClient,
  describeNode,
  HttpApi,
  MemoryStorage,
  ready,
  register,
  revokeDevice,
  type ClientOptions,
  type OpenIdentity,
} from '@dcp/client-sdk';
import { FileStorage } from '@dcp/client-sdk/node';
import type { DcpError } from '@dcp/protocol';
import { eventually, freePort, spawnService, type SpawnedService } from '@dcp/testkit';

const MAIN = join(import.meta.dirname, '..', 'dist', 'main.js');
const INFO = { name: 'test', version: '1.0.0' };

/** The SDK against a node of its own, with sessions short enough to see them end. */
describe('a client of a home node', () => {
  let folder: string;
  let port: number;
  let node: SpawnedService;
  let endpoint: string;
  const clients: DcpClient[] = [];

  const startNode = async () => {
    const env = {
      DCP_DATA_DIR: join(folder, 'data'),
      DCP_PORT: String(port),
      DCP_HEALTH_PORT: '0',
      DCP_DRAIN_MS: '0',
      DCP_RATE_LIMIT_FACTOR: '100',
      DCP_REFRESH_AFTER_MS: '2000',
      DCP_SESSION_LIFETIME_MS: '5000',
    };
    node = await spawnService({ script: MAIN, env, ready: /Ctrl-C/ });
  };

  const newIdentity = async (username: string): Promise<OpenIdentity> => {
    const { node_info } = await describeNode(new HttpApi(endpoint));
    const identity = await createIdentity(
      { username, homeNode: { id: node_info.id, endpoint }, kdf: 'pbkdf2' },
      'a passphrase of tests',
    );
    await register(new HttpApi(endpoint), identity.file);
    return identity;
  };

  const newClient = async (identity: OpenIdentity, more: Partial<ClientOptions> = {}) => {
    const device = await addDevice(identity, 'test', INFO);
    const { home_node_id: nodeId } = identity.file.identity;
    const client = new DcpClient({
      endpoint,
      nodeId,
      device,
      clientInfo: INFO,
      backoff: { initialMs: 100, maxMs: 500 },
      ...more,
    });
    clients.push(client);
    return client;
  };

  beforeAll(async () => {
    await ready();
    folder = await mkdtemp(join(tmpdir(), 'dcp-client-'));
    await chmod(folder, 0o711);
    port = await freePort();
    endpoint = `ws://127.0.0.1:${port}`;
    await startNode();
  });

  afterAll(async () => {
    for (const client of clients) await client.disconnect();
    await node?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  it('[DCP-5.3-03] [DCP-3.3-01] renews its token and its session by itself; the user sees nothing', async () => {
    const sessions: string[] = [];
    const client = await newClient(await newIdentity('alice'), {
      onSession: ({ sessionId }) => sessions.push(sessionId),
    });
    const heard: string[] = [];
    client.events.on(
      'message',
      ({ message }) => typeof message.content['text'] === 'string' && heard.push(message.content['text']),
    );
    await client.connect();
    const { channelId } = await client.join('#general');
    await eventually(async () => {
      await client.sendAndWait(channelId, { text: `message ${heard.length}` });
      expect(new Set(sessions).size).toBeGreaterThan(1);
    }, 30_000);
    await eventually(() => expect(heard).toEqual(heard.map((_, i) => `message ${i}`)));
    expect(sessions.length).toBeGreaterThan(2);
    await client.disconnect();
  });

  it('[DCP-14.3-02] [DCP-4.3-01] what was written without a node is sent when it is back, once, over a restart of the client too', async () => {
    const [alice, bob] = [await newIdentity('alice'), await newIdentity('bob')];
    const storage = new FileStorage(join(folder, 'alice'));
    const [writer, reader] = [await newClient(alice, { storage }), await newClient(bob)];
    const heard: string[] = [];
    reader.events.on(
      'message',
      ({ message }) => typeof message.content['text'] === 'string' && heard.push(message.content['text']),
    );
    await Promise.all([writer.connect(), reader.connect()]);
    const { channelId } = await writer.create('#offline');
    await reader.join('#offline');
    await node.kill();
    await writer.send(channelId, { text: 'first' });
    await writer.disconnect();
    await storage.close();
    const again = await (async () => {
      const device = (writer as unknown as { options: ClientOptions }).options.device;
      const { home_node_id: nodeId } = alice.file.identity;
      return new DcpClient({
        endpoint,
        nodeId,
        device,
        clientInfo: INFO,
        storage: new FileStorage(join(folder, 'alice')),
        backoff: { initialMs: 100, maxMs: 500 },
      });
    })();
    clients.push(again);
    await again.send(channelId, { text: 'second' });
    void again.connect();
    await startNode();
    await eventually(() => expect(heard).toEqual(['first', 'second']), 30_000);
    await eventually(() => expect(again.outbox.size).toBe(0));
    expect(heard).toEqual(['first', 'second']);
  });

  it('a message that an old copy of the storage sends again is told as sent, once, at its place', async () => {
    const dora = await newIdentity('dora');
    const device = await addDevice(dora, 'test', INFO);
    const storage = new MemoryStorage();
    const first = await newClient(dora, { device, storage });
    await first.connect();
    const { channelId } = await first.create('#copies');
    await first.disconnect();
    const { id } = await first.send(channelId, { text: 'sent once' });
    const copy = new MemoryStorage();
    for (const key of await storage.keys('')) await copy.set(key, await storage.get(key));
    const sent = first.events.next('sent');
    await first.connect();
    const { ack } = await sent;
    await first.disconnect();
    const restored = await newClient(dora, { device, storage: copy });
    const [told, failed] = [restored.events.next('sent'), restored.events.next('failed')];
    await restored.encryption.restored();
    await restored.connect();
    expect(await Promise.race([told, failed])).toMatchObject({
      message: { id },
      ack: { message_id: id, seq: ack.seq },
    });
    const { messages } = await restored.history(channelId);
    expect(messages.filter((message) => message.id === id).map(({ content }) => content['text'])).toEqual([
      'sent once',
    ]);
  });

  it('whoever joins again is in: the answer to his first try may have been lost', async () => {
    const [owner, guest] = [await newClient(await newIdentity('owner')), await newClient(await newIdentity('guest'))];
    for (const client of [owner, guest]) await client.connect();
    const { channelId } = await owner.create('#again');
    const [once, again] = [await guest.join(channelId), await guest.join(channelId)];
    expect(again).toMatchObject({ channelId, channel: once.channel });
    const heard = owner.events.next('message', ({ message }) => message.content['text'] === 'here');
    await guest.send(channelId, { text: 'here' });
    await heard;
  });

  it('[DCP-14.3-04] [DCP-12.3-07] a device that was revoked from afar is out at once, and does not try for ever', async () => {
    const identity = await newIdentity('carol');
    const client = await newClient(identity);
    await client.connect();
    const ended = client.events.next('ended');
    await revokeDevice(identity, (client as unknown as { options: ClientOptions }).options.device.id, INFO);
    expect((await ended).error.code).toBe('INVALID_CREDENTIALS');
    expect(client.state).toBe('ended');
  });

  it('[DCP-4.3-03] [DCP-4.3-04] a temporary account ends by itself and takes what it wrote with it', async () => {
    const { node_info } = await describeNode(new HttpApi(endpoint));
    const wish = {
      username: 'guest',
      accountType: 'temporary' as const,
      homeNode: { id: node_info.id, endpoint },
      kdf: 'pbkdf2' as const,
    };
    const identity = await createIdentity(wish, 'a passphrase of tests');
    const registration = await register(new HttpApi(endpoint), identity.file, { expiresIn: 60 });
    expect(Date.parse(registration.expires ?? '')).toBeGreaterThan(Date.now());
    const client = await newClient(identity);
    await client.connect();
    const { channelId } = await client.join('#general');
    await client.sendAndWait(channelId, { text: 'I was never here' });
    const witness = await newClient(await newIdentity('witness'));
    await witness.connect();
    await witness.join('#general');
    await client.call('/accounts/me', { method: 'DELETE' });
    await eventually(async () =>
      expect(JSON.stringify(await witness.history('#general', { limit: 100 }))).not.toContain('I was never here'),
    );
    const gone = await witness.call(`/users/${identity.file.identity.full_id}`).catch((error: DcpError) => error.code);
    expect(gone).toBe('USER_NOT_FOUND');
  });
});
