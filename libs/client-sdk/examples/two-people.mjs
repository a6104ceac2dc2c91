// Two people, a DM and a private channel. Run: node two-people.mjs ws://127.0.0.1:8008
import { ready } from '@dcp/client-sdk';
import { newAccount, nextText } from './account.mjs';

await ready();
const endpoint = process.argv[2] ?? 'ws://127.0.0.1:8008';
const [{ client: alice }, { client: bob }] = [await newAccount(endpoint, 'alice'), await newAccount(endpoint, 'bob')];

// A DM is one channel, seen from both sides; its id is made of the two user ids.
const dm = await alice.rooms.openDm(bob.userId);
const heard = nextText(bob, dm.channelId);
await alice.sendAndWait(dm.channelId, { text: 'Hello Bob' });
console.log('bob hears:', await heard);

// Both see the same number when nobody stands between them.
console.log(
  'same number:',
  (await alice.people.safetyNumber(bob.userId)) === (await bob.people.safetyNumber(alice.userId)),
);

const plans = await alice.rooms.createPrivate('#plans');
const invited = bob.events.next('invitation');
await alice.rooms.invite(plans.channelId, bob.userId);
console.log('bob is invited to:', (await invited).channel);
await bob.rooms.join(plans.channelId);
const answer = nextText(alice, plans.channelId);
await bob.sendAndWait(plans.channelId, { text: 'What are the plans?' });
console.log('alice hears:', await answer);

await Promise.all([alice.disconnect(), bob.disconnect()]);
