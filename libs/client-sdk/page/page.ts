// A plain page for developers of the SDK: shows what a client does, in one profile (`?profile=…`).
import '../src/browser/polyfills.js';
import { WorkerClient, type ProfileState } from '../src/browser/index.js';
import { Account } from './account.js';
import { ChannelList } from './channel-list.js';
import { Conversation } from './conversation.js';
import { attempt, element, onSubmit, problem } from './elements.js';

const client = new WorkerClient(new Worker('worker.js'));
const profile = new URLSearchParams(location.search).get('profile') ?? 'default';

client.events.on('state', showState);
client.events.on('ended', ({ error }) => problem(error));
client.events.on('fault', ({ error }) => problem(error));
for (const event of ['sent', 'failed', 'state'] as const) client.events.on(event, () => void showOutbox());

onSubmit('create', async ({ endpoint = '', username = '', passphrase = '', invite = '' }) =>
  enter(await client.createAccount({ endpoint, username, passphrase, ...(invite.trim() === '' ? {} : { invite }) })),
);
onSubmit('sign-in', async ({ identity = '', passphrase = '', deviceName = '' }) =>
  enter(await client.openAccount({ passphrase, deviceName, ...(identity.trim() === '' ? {} : { identity }) })),
);

void attempt(async () => {
  const state = await client.open(profile);
  if (state.state === 'ready') return await enter(state);
  element('entry').hidden = false;
  showState('no account');
});

async function enter(state: ProfileState): Promise<void> {
  if (state.state !== 'ready') return;
  element('entry').hidden = true;
  element('app').hidden = false;
  element('who').textContent = state.userId;
  const conversation = new Conversation(client, state.userId, () => void showOutbox());
  const channels = new ChannelList(client, conversation);
  element('app').dataset['device'] = new Account(client, state.userId, state.device).device;
  // It resolves when the node is there, which may be never.
  void attempt(() => client.connect());
  await channels.refresh();
  await showOutbox();
}

function showState(state: string): void {
  const place = element('state');
  place.textContent = state === 'ended' ? 'session ended' : state;
  place.dataset['state'] = state;
}

async function showOutbox(): Promise<void> {
  const waiting = await client.status().then(
    ({ waiting: messages }) => messages.length,
    () => 0,
  );
  const place = element('outbox');
  place.hidden = waiting === 0;
  place.textContent = `${waiting} waiting to be sent`;
}
