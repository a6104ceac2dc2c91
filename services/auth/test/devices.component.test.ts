import { AUTH, type Session } from '@dcp/contracts';
import { formatKey } from '@dcp/crypto';
import { type DeviceEntry, MAX_DEVICES } from '@dcp/protocol';
import { eventually } from '@dcp/testkit';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { addDevice, addition, deviceEntry, hashOf, login, newDevice, revocation } from './support/person.js';
import { type Person, proofOf, prove, resident, sessionFor } from './support/person.js';
import { refusalOf } from './support/refusal.js';
import { BOTH_BUSES, ORIGIN, World } from './support/world.js';

describe.each(BOTH_BUSES)('the device log over the %s bus', (kind) => {
  let world: World;
  let alice: Person;
  let session: Session;

  beforeAll(async () => {
    world = await World.open(kind);
    await world.start();
    await world.start();
  });
  beforeEach(async () => {
    alice = await resident(world);
    session = await sessionFor(world, alice);
  });
  afterAll(() => world.close());

  const append = (entry: unknown, as = session) =>
    world.bus.request(AUTH.appendDevice, { session: as, entry: entry as Record<string, unknown> });
  const log = async (after?: number) =>
    (await world.bus.request(AUTH.devices, { user_id: alice.userId, after })).entries;

  it('[DCP-12.3-05] [DCP-12.3-07] is append-only, numbered and hash-linked, and shown as it was signed', async () => {
    const [phone, laptop] = [newDevice(), newDevice()];
    const first = addition(alice, undefined, phone);
    const second = addition(alice, first, laptop);
    const third = revocation(alice, second, phone.id);
    for (const entry of [first, second, third]) {
      expect(await append(entry)).toEqual({ seq: entry.seq, hash: hashOf(entry) });
    }
    expect(await log()).toEqual([first, second, third]);
    expect(await log(2)).toEqual([third]);
    expect(await log(3)).toEqual([]);
    expect(new Set([first.signing_key, second.signing_key, alice.key.publicKey]).size).toBe(3);
  });

  it('answers an entry that does not follow the head with the head', async () => {
    const first = addition(alice, undefined, newDevice());
    await append(first);
    const stale = addition(alice, undefined, newDevice());
    const skipping = { ...addition(alice, first, newDevice()), seq: 3 };
    const wrongLink = addition(alice, { ...first, name: 'other' }, newDevice());
    for (const entry of [stale, deviceEntry(alice, first, { ...skipping }), wrongLink]) {
      expect(await refusalOf(append(entry))).toMatchObject({
        code: 'CONFLICT',
        details: { head_seq: 1, head_hash: hashOf(first) },
      });
    }
    expect(await log()).toHaveLength(1);
  });

  it('appends one of those who race on two replicas', async () => {
    const entries = Array.from({ length: 8 }, () => addition(alice, undefined, newDevice()));
    const results = await Promise.allSettled(entries.map((entry) => append(entry)));
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await log()).toHaveLength(1);
  });

  it('refuses what the identity key did not sign, and keys that are none', async () => {
    const device = newDevice();
    const good = addition(alice, undefined, device);
    const other = await resident(world);
    const x25519 = formatKey('x25519', new Uint8Array(32).fill(9));
    const entries: [string, DeviceEntry | Record<string, unknown>, string][] = [
      ['signed by another', { ...addition({ ...other, userId: alice.userId }, undefined, device) }, 'signature'],
      ['signed by the device', addition({ ...alice, key: device }, undefined, device), 'signature'],
      ['altered', { ...good, name: 'Desktop' }, 'signature'],
      ['no keys', deviceEntry(alice, undefined, { action: 'add', device: device.id }), 'signing_key'],
      ['a short key', deviceEntry(alice, undefined, { ...good, signing_key: 'ed25519:AAAA' }), 'signing_key'],
      ['swapped keys', deviceEntry(alice, undefined, { ...good, signing_key: x25519 }), 'signing_key'],
      ['a short exchange key', deviceEntry(alice, undefined, { ...good, exchange_key: 'x25519:AAAA' }), 'exchange_key'],
      ['no device id', { ...good, device: 'phone' }, 'device'],
      ['not a known action', { ...good, action: 'rename' }, 'action'],
    ];
    for (const [what, entry, path] of entries) {
      const { code, details } = await refusalOf(append(entry));
      expect({ what, code, path: details['path'] }).toEqual({ what, code: 'INVALID_MESSAGE_FORMAT', path });
    }
    expect((await refusalOf(append(addition(other, undefined, device)))).code).toBe('INSUFFICIENT_PERMISSIONS');
    expect(await log()).toEqual([]);
  });

  it('[DCP-12.3-07] ends a revoked device’s sessions at once, and those of no other', async () => {
    const [phone, laptop] = [await addDevice(world, alice, session), await addDevice(world, alice, session)];
    const ofPhone = await login(world, alice, phone);
    const ofLaptop = await login(world, alice, laptop);
    const pending = await proofOf(world, alice, phone);
    const head = (await log()).at(-1) as DeviceEntry;
    world.revoked.length = 0;
    await append(revocation(alice, head, phone.id));
    await eventually(() => expect(world.revoked).toHaveLength(1));
    expect(world.revoked[0]).toMatchObject({
      user_id: alice.userId,
      session_ids: [ofPhone.session_id],
      reason: 'device_revoked',
    });
    const refresh = (session_token: string) => world.bus.request(AUTH.refresh, { ...ORIGIN, session_token });
    expect((await refusalOf(refresh(ofPhone.session_token))).code).toBe('SESSION_EXPIRED');
    await refresh(ofLaptop.session_token);
    expect((await refusalOf(prove(world, pending))).code).toBe('INVALID_CREDENTIALS');
    expect((await refusalOf(login(world, alice, phone))).code).toBe('INVALID_CREDENTIALS');
    await login(world, alice, laptop);
  });

  it('[DCP-12.3-07] no session survives a revocation of its device that came while its proof was checked', async () => {
    const phone = await addDevice(world, alice, session);
    const proof = await proofOf(world, alice, phone);
    const holder = await world.admin.connect();
    await holder.query('begin');
    await holder.query('lock table auth.used_challenges in access exclusive mode');
    const proving = prove(world, proof).then(
      () => 'opened',
      (error: { code?: string }) => error.code,
    );
    const waiting = `select count(*)::int as n from pg_stat_activity
      where datname = current_database() and application_name = 'auth' and wait_event_type = 'Lock'`;
    await eventually(async () => expect((await holder.query<{ n: number }>(waiting)).rows[0]?.n).toBe(1));
    await append(revocation(alice, (await log()).at(-1) as DeviceEntry, phone.id));
    await holder.query('rollback');
    holder.release();
    expect(await proving).toBe('INVALID_CREDENTIALS');
  });

  it('never takes a device id again, nor revokes what is not there', async () => {
    const phone = newDevice();
    const first = addition(alice, undefined, phone);
    const second = revocation(alice, first, phone.id);
    await append(first);
    expect((await refusalOf(append(addition(alice, first, phone)))).code).toBe('CONFLICT');
    await append(second);
    expect((await refusalOf(append(addition(alice, second, phone)))).code).toBe('CONFLICT');
    for (const id of [phone.id, newDevice().id]) {
      expect((await refusalOf(append(revocation(alice, second, id)))).details['path']).toBe('device');
    }
  });

  it(`holds ${MAX_DEVICES} devices that are not revoked`, async () => {
    let head: DeviceEntry | undefined;
    for (let i = 0; i < MAX_DEVICES; i++) {
      head = addition(alice, head, newDevice());
      await append(head);
    }
    const refusal = await refusalOf(append(addition(alice, head, newDevice())));
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'too_many_devices' } });
    const gone = revocation(alice, head as DeviceEntry, head?.device ?? '');
    await append(gone);
    await append(addition(alice, gone, newDevice()));
  });

  it('bounds the size of an entry, so that a log can always be read', async () => {
    const device = newDevice();
    const padded = { ...addition(alice, undefined, device), padding: 'x'.repeat(100_000) };
    const refusal = await refusalOf(append(deviceEntry(alice, undefined, padded)));
    expect(refusal.code).toBe('MESSAGE_TOO_LARGE');
  });

  it('[DCP-12.3-07] tells who hears it of every entry, after it is there', async () => {
    world.devicesChanged.length = 0;
    const phone = newDevice();
    const first = addition(alice, undefined, phone);
    const second = revocation(alice, first, phone.id);
    await append(first);
    await refusalOf(append(first));
    await append(second);
    const told = (entry: DeviceEntry) => ({
      user_id: alice.userId,
      seq: entry.seq,
      hash: hashOf(entry),
      action: entry.action,
      device: phone.id,
    });
    await eventually(() => expect(world.devicesChanged).toEqual([told(first), told(second)]));
  });

  it('[DCP-12.3-07] shows the logs of several users at once, with the keys that sign them', async () => {
    const bob = await resident(world);
    const phone = newDevice();
    const first = addition(alice, undefined, phone);
    const second = revocation(alice, first, phone.id);
    for (const entry of [first, second]) await append(entry);
    const nobody = `${world.nodeId}.nobody`;
    const users = [{ user_id: bob.userId }, { user_id: nobody }, { user_id: alice.userId, after: 1 }];
    const { logs } = await world.bus.request(AUTH.deviceLogs, { users });
    expect(logs).toEqual([
      { user_id: bob.userId, public_key: bob.key.publicKey, entries: [], has_more: false },
      { user_id: alice.userId, public_key: alice.key.publicKey, entries: [second], has_more: false },
    ]);
    const wrong = [[], Array.from({ length: 51 }, () => ({ user_id: nobody })), [{ user_id: "x'" }]];
    for (const asked of wrong)
      expect((await refusalOf(world.bus.request(AUTH.deviceLogs, { users: asked }))).code).toBe(
        'INVALID_MESSAGE_FORMAT',
      );
  });

  it('cuts the logs of several users where one answer ends, and goes on from there', async () => {
    const people = [alice, await resident(world), await resident(world)];
    const padded = { ...addition(alice, undefined, newDevice()), name: 'x'.repeat(2_900) };
    for (const { userId } of people)
      await world.admin.query(
        `insert into auth.device_log (user_id, seq, device, action, entry, hash)
         select $1, n, 'dev_' || n, 'add', jsonb_set($2::jsonb, '{seq}', to_jsonb(n))::text, '' from generate_series(1, 120) n`,
        [userId, JSON.stringify(padded)],
      );
    const seen = new Map(people.map(({ userId }) => [userId, [] as number[]]));
    let open = people.map(({ userId }) => ({ user_id: userId, after: 0 }));
    for (let round = 0; open.length > 0; round++) {
      expect(round).toBeLessThan(4);
      const answer = await world.bus.request(AUTH.deviceLogs, { users: open });
      expect(JSON.stringify(answer).length).toBeLessThan(512 * 1024);
      for (const { entries } of answer.logs) expect(entries.length).toBeGreaterThan(0);
      for (const { user_id, entries } of answer.logs) seen.get(user_id)?.push(...entries.map(({ seq }) => seq));
      open = answer.logs
        .filter(({ has_more }) => has_more)
        .map(({ user_id }) => ({ user_id, after: seen.get(user_id)?.at(-1) ?? 0 }));
    }
    const all = Array.from({ length: 120 }, (_, at) => at + 1);
    for (const seqs of seen.values()) expect(seqs).toEqual(all);
  });

  it('ends a log that grows for ever, but not the revoking of devices', async () => {
    const phone = newDevice();
    const first = addition(alice, undefined, phone);
    await append(first);
    await world.admin.query(
      `insert into auth.device_log (user_id, seq, device, action, entry, hash)
       select $1, n, 'dev_' || n, 'revoke', $2, $3 from generate_series(2, 500) n`,
      [alice.userId, JSON.stringify({ ...first, seq: 500 }), hashOf({ ...first, seq: 500 })],
    );
    const head = { ...first, seq: 500 };
    const refusal = await refusalOf(append(addition(alice, head, newDevice())));
    expect(refusal).toMatchObject({ code: 'INSUFFICIENT_PERMISSIONS', details: { reason: 'device_log_full' } });
    await append(revocation(alice, head, phone.id));
    expect(await log()).toHaveLength(501);
  });

  it('shows no log of a user who does not exist', async () => {
    const user_id = `${world.nodeId}.nobody`;
    expect((await refusalOf(world.bus.request(AUTH.devices, { user_id }))).code).toBe('USER_NOT_FOUND');
  });
});
