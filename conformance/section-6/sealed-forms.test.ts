import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { conformance } from '../local/conformance.js';
import { Device } from '../stranger/device.js';
import type { Dict } from '../stranger/json.js';
import { postSealed, roomOf, sealedPost } from '../stranger/private-channel.js';
import { newSenderKey } from '../stranger/sealed-message.js';

conformance('§6.3 the form of encrypted messages', (node) => {
  const device = () => Device.signUpDevice(node);

  it('[DCP-6.3-01] the content is the ciphertext and nothing else', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const good = sealedPost(alice, room, newSenderKey(), { text: 'x' });
    const { ciphertext } = good['content'] as { ciphertext: string };
    const bad: Record<string, unknown> = {
      'a hint beside it': { ciphertext, text: 'x' },
      nothing: {},
      'no text': { ciphertext: 5 },
      'no base64': { ciphertext: '***' },
      empty: { ciphertext: '' },
      'above the largest size': { ciphertext: randomBytes(46_503).toString('base64') },
    };
    for (const [what, content] of Object.entries(bad)) {
      const answer = await postSealed(alice, room, alice.sign({ ...good, content }));
      expect({ what, error: answer.body['error'] }).toMatchObject({ what, error: { code: 'INVALID_MESSAGE_FORMAT' } });
    }
    expect(await postSealed(alice, room, good)).toMatchObject({ status: 201 });
  });

  it('[DCP-12.1-01] a nonce has 96 bits; device, epoch and place in the chain are said', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const good = sealedPost(alice, room, newSenderKey(), { text: 'x' });
    const bad: Record<string, Dict> = {
      'no nonce': { nonce: '' },
      'eleven bytes': { nonce: randomBytes(11).toString('base64') },
      'thirteen bytes': { nonce: randomBytes(13).toString('base64') },
      'twenty-four bytes': { nonce: randomBytes(24).toString('base64') },
      'no base64': { nonce: '++++ ++++' },
      'another algorithm': { algorithm: 'aes-128-ecb' },
      'no algorithm': { algorithm: undefined },
      'no device': { device: undefined },
      'another device': { device: bob.id },
      'no epoch': { epoch: undefined },
      'a negative epoch': { epoch: -1 },
      'half an epoch': { epoch: 0.5 },
      'no place': { n: undefined },
      'a negative place': { n: -1 },
      'a place beyond the end': { n: 1_000_001 },
      'no key': { key_id: undefined },
      'a state that is no hash': { state: 'x' },
    };
    for (const [what, members] of Object.entries(bad)) {
      const encryption = JSON.parse(JSON.stringify({ ...(good['encryption'] as Dict), ...members })) as Dict;
      const { body } = await postSealed(alice, room, alice.sign({ ...good, encryption }));
      expect({ what, error: body['error'] }).toMatchObject({ what, error: { code: 'INVALID_MESSAGE_FORMAT' } });
    }
    expect(await postSealed(alice, room, good)).toMatchObject({ status: 201 });
  });

  it('[DCP-6.4-01] only the device that it names signs a message, and only for its own author', async () => {
    const [alice, bob] = [await device(), await device()];
    const room = await roomOf(alice, bob);
    const laptop = await Device.of(alice);
    const good = sealedPost(alice, room, newSenderKey(), { text: 'x' });
    const forged = [
      { ...good, signature: laptop.key.signMessage(good) },
      { ...good, signature: alice.identityKey.signMessage(good) },
      alice.sign({ ...good, device: laptop.id }),
      alice.sign({ ...good, author: bob.userId }),
      { ...good, content: { ciphertext: 'A'.repeat(372) } },
    ];
    for (const message of forged) expect((await postSealed(alice, room, message)).status).toBeGreaterThanOrEqual(400);
    expect((await postSealed(bob, room, good)).status).toBeGreaterThanOrEqual(400);
    expect((await postSealed(laptop, room, good)).status).toBeGreaterThanOrEqual(400);
    expect(await postSealed(alice, room, good)).toMatchObject({ status: 201 });
  });
});
