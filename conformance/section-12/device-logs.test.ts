import { expect, it } from '@jest/globals';
import { conformance } from '../local/conformance.js';
import {
  Device,
  type DeviceEntry,
  deviceLog,
  entryHash,
  newDeviceId,
  nextEntry,
  revokeDevice,
} from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import { Key, objectDigest, verifies } from '../stranger/keys.js';

conformance('§12.3 device logs', (node) => {
  const device = () => Device.signUpDevice(node);

  it('[DCP-12.3-05] everybody reads the logs of others, whole or from where he was, and can check each entry', async () => {
    const [alice, bob] = [await device(), await device()];
    const laptop = await Device.of(bob);
    const hers = await alice.connect();
    const unknown = `${bob.userId.split('.')[0]}.nobody-there`;
    const users = [{ user_id: bob.userId }, { user_id: alice.userId, after: 1 }, { user_id: unknown }];
    const { logs } = await hers.ack<Dict & { logs: Log[] }>('get_devices', { users });
    expect(logs.map(({ user_id }) => user_id)).toEqual([bob.userId, alice.userId]);
    const [his, own] = logs;
    expect(own?.entries).toEqual([]);
    expect(his?.entries.map((entry) => entry.device)).toEqual([bob.id, laptop.id]);
    let prev: string | null = null;
    for (const entry of his?.entries ?? []) {
      expect(entry.prev).toBe(prev);
      expect(verifies(bob.identityKey.publicKey, objectDigest('DEVICE', entry), entry.signature)).toBe(true);
      prev = entryHash(entry);
    }
  });

  interface Log {
    user_id: string;
    entries: DeviceEntry[];
  }

  it('[DCP-12.3-07] an id is used once: what was revoked is not added again, nor revoked twice', async () => {
    const phone = await device();
    const laptop = await Device.of(phone);
    await revokeDevice(phone, laptop);
    const fresh = { ...laptop.certificateMembers(), signing_key: new Key().publicKey };
    for (const members of [
      fresh,
      { action: 'revoke', device: laptop.id },
      { action: 'revoke', device: 'dev_aaaaaaaaaaaaaaaa' },
    ]) {
      const entry = await nextEntry(phone, members);
      expect((await phone.rest.post('/auth/devices', { entry })).status).toBeGreaterThanOrEqual(400);
    }
    const live = await nextEntry(phone, { ...laptop.certificateMembers(), device: phone.id });
    expect((await phone.rest.post('/auth/devices', { entry: live })).status).toBeGreaterThanOrEqual(400);
  });

  it('[DCP-12.3-05] the log goes on from its head only; who sends an entry again is told that it is the head', async () => {
    const [phone, mallory] = [await device(), await device()];
    const add = { ...phone.certificateMembers(), device: `dev_${randomName(16)}`, signing_key: new Key().publicKey };
    const good = await nextEntry(phone, add);
    const sign = (entry: object) => ({ ...entry, signature: phone.identityKey.signObject('DEVICE', entry) });
    const bad = [
      sign({ ...good, prev: null }),
      sign({ ...good, prev: `sha256:${'0'.repeat(64)}` }),
      sign({ ...good, seq: good.seq + 1 }),
      sign({ ...good, user_id: mallory.userId }),
      { ...good, signature: phone.key.signObject('DEVICE', good) },
      { ...good, signature: mallory.identityKey.signObject('DEVICE', good) },
    ];
    for (const entry of bad)
      expect((await phone.rest.post('/auth/devices', { entry })).status).toBeGreaterThanOrEqual(400);
    const first = await phone.rest.post('/auth/devices', { entry: good });
    expect(first).toMatchObject({ status: 201, body: { seq: good.seq } });
    const { details } = expectRefused(await phone.rest.post('/auth/devices', { entry: good }), 'CONFLICT');
    expect(details).toMatchObject({ head_seq: good.seq, head_hash: first.body['hash'] });
  });

  it('[DCP-12.3-05] a user has 32 live devices at most; one that is revoked makes room', async () => {
    const phone = await device();
    const add = () =>
      nextEntry(phone, { ...phone.certificateMembers(), device: newDeviceId(), signing_key: new Key().publicKey });
    for (let count = 2; count <= 32; count++) {
      expect(await phone.rest.post('/auth/devices', { entry: await add() })).toMatchObject({ status: 201 });
    }
    expectRefused(await phone.rest.post('/auth/devices', { entry: await add() }), 'INSUFFICIENT_PERMISSIONS');
    const last = (await deviceLog(phone)).at(-1);
    const revoke = await nextEntry(phone, { action: 'revoke', device: last?.device });
    expect(await phone.rest.post('/auth/devices', { entry: revoke })).toMatchObject({ status: 201 });
    expect(await phone.rest.post('/auth/devices', { entry: await add() })).toMatchObject({ status: 201 });
  });
});
