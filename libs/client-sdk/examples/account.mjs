import { addDevice, createIdentity, DcpClient, describeNode, HttpApi, register } from '@dcp/client-sdk';

/** A new account with one device, connected; `storage` is where its keys and messages live. */
export async function newAccount(endpoint, username, options = {}) {
  const http = new HttpApi(endpoint);
  const { node_info: node } = await describeNode(http);
  const identity = await createIdentity({ username, homeNode: { id: node.id, endpoint } }, 'a long passphrase');
  await register(http, identity.file, { retrievalHash: identity.retrievalHash });
  return { identity, client: await newDevice(identity, username, options) };
}

/** One more device of an account, connected. */
export async function newDevice(identity, name, options = {}) {
  const device = await addDevice(identity, name, { name: 'example', version: '1.0.0' });
  const { home_node: home } = identity.file;
  const client = new DcpClient({ endpoint: home.endpoint, nodeId: home.id, device, ...options });
  client.events.on('deviceConflict', ({ userId, reason }) => console.warn('not believed:', userId, reason));
  await client.connect();
  return client;
}

/** Resolves with the text of the next message of a channel that can be read. */
export async function nextText(client, channelId) {
  const { message } = await client.events.next('message', (event) => {
    return event.channelId === channelId && event.undecryptable === undefined && event.message.type === 'text';
  });
  return message.content.text;
}
