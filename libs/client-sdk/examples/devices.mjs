// A second device reads the history, finds a message, and is revoked. Run: node devices.mjs ws://127.0.0.1:8008
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fetchIdentityFile, HttpApi, openIdentity, ready, revokeDevice } from '@dcp/client-sdk';
import { FileStorage } from '@dcp/client-sdk/node';
import { newAccount, newDevice } from './account.mjs';

await ready();
const endpoint = process.argv[2] ?? 'ws://127.0.0.1:8008';

// What a client keeps is sealed before it is written, and one process at a time may have it.
const storage = new FileStorage(await mkdtemp(join(tmpdir(), 'dcp-example-')));
const { client: phone } = await newAccount(endpoint, 'carol', { storage });
const notes = await phone.rooms.openDm(phone.userId);
await phone.sendAndWait(notes.channelId, { text: 'The key is under the mat' });
await phone.encryption.backup.flush();

// On another machine: the passphrase is enough.
const file = await fetchIdentityFile(new HttpApi(endpoint), phone.userId, 'a long passphrase');
const identity = await openIdentity(file, 'a long passphrase');
const laptop = await newDevice(identity, 'laptop');
const { messages } = await laptop.history(notes.channelId);
console.log('the laptop reads:', messages[0].content.text);
console.log('and finds:', (await laptop.search('mat'))[0].content.text);

const [, { id }] = await phone.people.devices(phone.userId);
const ended = laptop.events.next('ended');
await revokeDevice(identity, id, { name: 'example', version: '1.0.0' });
await ended;
console.log('the laptop is out');

await Promise.all([phone.disconnect(), laptop.disconnect()]);
await storage.close();
