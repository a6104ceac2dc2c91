import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { ExchangeKey } from '../stranger/agreement-keys.js';
import { Device } from '../stranger/device.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import { objectDigest, verifies } from '../stranger/keys.js';
import { claim, publish } from '../stranger/prekeys.js';

conformance('§12.2 prekeys', (node) => {
  const device = () => Device.signUpDevice(node);

  it('[DCP-6.3-02] a device publishes prekeys; whoever wants to write to it gets a bundle and can check each part', async () => {
    const [alice, bob] = [await device(), await device()];
    const stock = bob.stock(3);
    const his = await bob.connect();
    expect(await publish(his, stock)).toEqual({ epoch: 1, one_time: 3, kem: 3 });
    his.raw.break();
    // He is away: the first contact needs nobody but the node.
    const hers = await alice.connect();
    const { bundles, missing } = await claim(hers, bob, alice);
    expect(missing).toEqual([alice.reference]);
    const [bundle] = bundles;
    expect(bundle).toMatchObject({ ...bob.reference, epoch: 1 });
    const parts = [bundle?.signed, bundle?.one_time, bundle?.kem];
    expect(parts.map((part) => part?.kind)).toEqual(['signed', 'one-time', 'kem']);
    for (const part of parts) {
      const digest = objectDigest('PREKEY', part ?? {});
      expect(verifies(bob.key.publicKey, digest, String(part?.signature))).toBe(true);
      expect(stock.map(({ published }) => published)).toContainEqual(part);
    }
    expect(await publish(await bob.connect(), [])).toEqual({ epoch: 1, one_time: 2, kem: 2 });
  });

  it('[DCP-6.3-02] a one-time prekey is handed out once, however many ask at the same time; then the last resort', async () => {
    const bob = await device();
    await publish(await bob.connect(), bob.stock(6));
    const sockets = [];
    for (let i = 0; i < 10; i++) sockets.push(await (await device()).connect());
    const claims = await Promise.all(sockets.map((socket) => claim(socket, bob)));
    const bundles = claims.flatMap((one) => one.bundles);
    expect(bundles).toHaveLength(10);
    const oneTime = bundles.flatMap(({ one_time }) => one_time?.id ?? []);
    expect(oneTime.sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6]);
    const kem = bundles.flatMap((bundle) => (bundle.kem?.kind === 'kem' ? bundle.kem.id : []));
    expect(kem.sort((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7]);
    expect(bundles.filter((bundle) => bundle.kem?.kind === 'kem-last-resort')).toHaveLength(4);
    for (const { signed } of bundles) expect(signed.kind).toBe('signed');
  });

  it('[DCP-6.3-02] what was handed out stays out when it is published again', async () => {
    const [alice, bob] = [await device(), await device()];
    const his = await bob.connect();
    const stock = bob.stock(1);
    await publish(his, stock);
    const hers = await alice.connect();
    expect((await claim(hers, bob)).bundles[0]?.one_time?.id).toBe(1);
    await publish(his, stock);
    expect((await claim(hers, bob)).bundles[0]?.one_time).toBeUndefined();
  });

  it('[DCP-6.3-02] nobody uses up a device’s stock alone: after five bundles he gets what lasts', async () => {
    const [alice, carol, bob] = [await device(), await device(), await device()];
    await publish(await bob.connect(), bob.stock(8));
    const hers = await alice.connect();
    const bundles = [];
    for (let i = 0; i < 7; i++) bundles.push(...(await claim(hers, bob)).bundles);
    expect(bundles.map(({ one_time }) => one_time !== undefined)).toEqual([true, true, true, true, true, false, false]);
    expect(bundles.at(-1)?.kem?.kind).toBe('kem-last-resort');
    const { bundles: others } = await claim(await carol.connect(), bob);
    expect(others[0]?.one_time).toBeDefined();
  });

  it('[DCP-6.3-02] a prekey that its device did not sign is refused, and nothing of the call is taken', async () => {
    const [alice, bob] = [await device(), await device()];
    const laptop = await Device.of(bob);
    const his = await bob.connect();
    const good = bob.prekey('signed', 1).published;
    const bad: [string, Dict, string][] = [
      [
        'another device’s signature',
        { ...good, signature: laptop.key.signObject('PREKEY', good) },
        'INVALID_MESSAGE_FORMAT',
      ],
      [
        'the identity key’s',
        { ...good, signature: bob.identityKey.signObject('PREKEY', good) },
        'INVALID_MESSAGE_FORMAT',
      ],
      ['another TYPE', { ...good, signature: bob.key.signObject('DEVICE', good) }, 'INVALID_MESSAGE_FORMAT'],
      ['another key', { ...good, key: new ExchangeKey().publicKey }, 'INVALID_MESSAGE_FORMAT'],
      ['another kind of key', bob.prekey('signed', 1, 1, { kind: 'kem' }).published, 'INVALID_MESSAGE_FORMAT'],
      ['number 0', bob.prekey('signed', 0).published, 'INVALID_MESSAGE_FORMAT'],
      ['a number above 32 bits', bob.prekey('signed', 2 ** 32).published, 'INVALID_MESSAGE_FORMAT'],
      ['another epoch than the call’s', bob.prekey('signed', 1, 2).published, 'INVALID_MESSAGE_FORMAT'],
      ['another device’s prekey', laptop.prekey('signed', 1).published, 'INSUFFICIENT_PERMISSIONS'],
      ['another user’s prekey', alice.prekey('signed', 1).published, 'INSUFFICIENT_PERMISSIONS'],
    ];
    for (const [what, prekey, code] of bad) {
      const prekeys = [bob.prekey('kem-last-resort', 1).published, prekey];
      const { error } = await his.ask('publish_keys', { epoch: 1, prekeys });
      expect({ what, error }).toMatchObject({ what, error: { code } });
    }
    expect((await claim(await alice.connect(), bob)).bundles).toEqual([]);
  });

  it('[DCP-6.3-02] a higher epoch voids what was published before, a lower one is 2007 with the epoch', async () => {
    const [alice, bob] = [await device(), await device()];
    const his = await bob.connect();
    await publish(his, bob.stock(5, 3), 3);
    const prekeys = [bob.prekey('signed', 9, 4), bob.prekey('one-time', 9, 4)];
    expect(await publish(his, prekeys, 4)).toEqual({ epoch: 4, one_time: 1, kem: 0 });
    const old = bob.prekey('signed', 1, 3).published;
    const { details } = await his.refused('publish_keys', { epoch: 3, prekeys: [old] }, 'CONFLICT');
    expect(details).toMatchObject({ reason: 'old_epoch', epoch: 4 });
    const hers = await alice.connect();
    expect((await claim(hers, bob)).bundles[0]).toMatchObject({ epoch: 4, signed: { id: 9 }, one_time: { id: 9 } });
    const [last] = (await claim(hers, bob)).bundles;
    expect([last?.one_time, last?.kem]).toEqual([undefined, undefined]);
  });

  it('[DCP-6.3-02] a number means one prekey: another under it is refused', async () => {
    const [alice, bob] = [await device(), await device()];
    const his = await bob.connect();
    const [first, second] = [bob.prekey('one-time', 1), bob.prekey('one-time', 1)];
    await publish(his, [bob.prekey('signed', 1), first]);
    await his.refused('publish_keys', { epoch: 1, prekeys: [second.published] }, 'CONFLICT');
    const [bundle] = (await claim(await alice.connect(), bob)).bundles;
    expect(bundle?.one_time).toEqual(first.published);
    await his.refused('publish_keys', { epoch: 1, prekeys: [second.published] }, 'CONFLICT');
  });

  it('a device whose stock runs low is told, and nobody else', async () => {
    const [alice, bob] = [await device(), await device()];
    const laptop = await Device.of(bob);
    const [his, other] = [await bob.connect(), await laptop.connect()];
    await publish(his, bob.stock(20));
    await claim(await alice.connect(), bob);
    expect(await his.event('keys_low')).toEqual({ epoch: 1, one_time: 19, kem: 19 });
    await other.ask('are_you_there');
    expect(other.heard.filter(({ event }) => event === 'keys_low')).toEqual([]);
  });

  it('a session without a device has no keys; more than 50 prekeys are more than a call', async () => {
    const person = await Actor.register(node);
    const bob = await Device.of(person);
    const bare = await person.connect();
    const prekeys = [bob.prekey('signed', 1).published];
    await bare.refused('publish_keys', { epoch: 1, prekeys }, 'INSUFFICIENT_PERMISSIONS');
    await bare.refused('fetch_keys', { after: 0 }, 'INSUFFICIENT_PERMISSIONS');
    const many = Array.from({ length: 51 }, (_, i) => bob.prekey('one-time', i + 1).published);
    const his = await bob.connect();
    await his.refused('publish_keys', { epoch: 1, prekeys: many }, 'INVALID_MESSAGE_FORMAT');
    await his.refused('claim_keys', { devices: [] }, 'INVALID_MESSAGE_FORMAT');
    const nobody = Array.from({ length: 51 }, () => ({ ...bob.reference, device: `dev_${randomName(16)}` }));
    await his.refused('claim_keys', { devices: nobody }, 'INVALID_MESSAGE_FORMAT');
  });
});
