import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { Device } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import { Rest } from '../stranger/rest.js';

const DOOR = '/backup/records';

interface BackupRecord {
  id: string;
  month: string;
  body: string;
}

interface Page extends Dict {
  records: BackupRecord[];
  next: string | null;
}

function record(month: string, bytes = 60): BackupRecord {
  return { id: `sk_${randomName(26)}`, month, body: randomBytes(bytes).toString('base64') };
}

function byId(records: BackupRecord[]): BackupRecord[] {
  return [...records].sort((a, b) => (a.id < b.id ? -1 : 1));
}

conformance('§12.3 the sealed backup', (node) => {
  const device = () => Device.signUpDevice(node);

  async function all(owner: Actor, query = ''): Promise<BackupRecord[]> {
    const records: BackupRecord[] = [];
    for (let after: string | null = ''; after !== null;) {
      const place: string = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
      const { status, body } = await owner.rest.get<Page>(`${DOOR}?x=1${query}${place}`);
      expect(status).toBe(200);
      records.push(...body.records);
      after = body.next;
    }
    return records;
  }

  it('[DCP-12.3-06] what one device keeps another of the same user reads, and nobody else sees', async () => {
    const [phone, stranger] = [await device(), await device()];
    const laptop = await Device.of(phone);
    const records = [record('2026-10'), record('2026-11'), record('keys')];
    expect(await phone.rest.put(DOOR, { records })).toMatchObject({ status: 200, body: { kept: [] } });
    expect(byId(await all(laptop))).toEqual(byId(records));
    expect(await all(laptop, '&month=2026-10')).toEqual([records[0]]);
    expect(await all(laptop, '&month=keys')).toEqual([records[2]]);
    expect(await all(stranger)).toEqual([]);
    await stranger.rest.delete(DOOR);
    expect(await all(phone)).toHaveLength(3);
    expectRefused(await new Rest(phone.url).get(DOOR), 'INVALID_CREDENTIALS');
  });

  it('[DCP-12.3-06] a record is never written over: who comes second is told what stands there', async () => {
    const phone = await device();
    const laptop = await Device.of(phone);
    const first = record('2026-11');
    const second = { ...first, body: randomBytes(60).toString('base64') };
    await phone.rest.put(DOOR, { records: [first] });
    expect((await phone.rest.put(DOOR, { records: [first] })).body).toEqual({ kept: [] });
    const other = record('2026-11');
    expect((await laptop.rest.put(DOOR, { records: [second, other] })).body).toEqual({ kept: [first] });
    expect(byId(await all(laptop))).toEqual(byId([first, other]));
    const raced = record('2026-12');
    const versions = Array.from({ length: 4 }, () => ({ ...raced, body: randomBytes(30).toString('base64') }));
    const answers = await Promise.all(
      versions.map((one) => phone.rest.put<{ kept: BackupRecord[] }>(DOOR, { records: [one] })),
    );
    const [stands] = await all(phone, '&month=2026-12');
    expect(versions).toContainEqual(stands);
    expect(answers.map(({ body }) => body.kept).filter((kept) => kept.length > 0)).toEqual([
      [stands],
      [stands],
      [stands],
    ]);
  });

  it('a month is deleted by itself, or everything; a misspelt month deletes nothing', async () => {
    const phone = await device();
    const records = [record('2026-09'), record('2026-10'), record('2026-10'), record('2026-11')];
    await phone.rest.put(DOOR, { records });
    for (const bad of ['?months=2026-10', '?month=october', '?month=']) {
      expectRefused(await phone.rest.delete(`${DOOR}${bad}`), 'INVALID_MESSAGE_FORMAT');
    }
    expect(await phone.rest.delete(`${DOOR}?month=2026-10`)).toMatchObject({ status: 200, body: { deleted: 2 } });
    expect(byId(await all(phone))).toEqual(byId([records[0], records[3]].flatMap((one) => one ?? [])));
    expect(await phone.rest.delete(DOOR)).toMatchObject({ status: 200, body: { deleted: 2 } });
    expect(await all(phone)).toEqual([]);
  });

  it('large backups come in pages, each record once', async () => {
    const phone = await device();
    const records = Array.from({ length: 40 }, () => record('2026-11', 30_000));
    for (let at = 0; at < records.length; at += 5) {
      const answer = await phone.rest.put(DOOR, { records: records.slice(at, at + 5) });
      expect(answer).toMatchObject({ status: 200 });
    }
    const { body } = await phone.rest.get<Page>(DOOR);
    expect(body.next).not.toBeNull();
    expect(byId(await all(phone))).toEqual(byId(records));
  });

  it('more than a request may hold is 2001', async () => {
    const phone = await device();
    const records = Array.from({ length: 20 }, () => record('2026-11', 49_000));
    expectRefused(await phone.rest.put(DOOR, { records }), 'MESSAGE_TOO_LARGE');
    expect(await all(phone)).toEqual([]);
  });

  it('records of a wrong shape, too large or too many at once are refused, and none of the call is kept', async () => {
    const phone = await device();
    const good = record('2026-11');
    const bad: Dict[] = [
      { records: [] },
      { records: [good, { ...record('2026-11'), month: '2026-1' }] },
      { records: [good, { ...record('2026-11'), id: 'a b' }] },
      { records: [good, { ...record('2026-11'), body: '***' }] },
      { records: [good, record('2026-11', 49_200)] },
      { records: Array.from({ length: 101 }, () => record('2026-11')) },
    ];
    for (const body of bad) expectRefused(await phone.rest.put(DOOR, body), 'INVALID_MESSAGE_FORMAT');
    expect(await all(phone)).toEqual([]);
  });

  it('[DCP-4.3-04] temporary and minimal accounts leave no backup', async () => {
    for (const accountType of ['temporary', 'minimal']) {
      const more = accountType === 'temporary' ? { expires_in: 3_600 } : {};
      const person = await Actor.register(node, { accountType }, more);
      const answer = await person.rest.put(DOOR, { records: [record('2026-11')] });
      expectRefused(answer, 'INSUFFICIENT_PERMISSIONS');
    }
  });

  it('[DCP-5.2-09] the node names what it serves of this', async () => {
    const { features } = (await node.info()) as { features: string[] };
    const served = ['direct-messages', 'e2ee', 'key-backup', 'private-channels'];
    expect(features.filter((one) => served.includes(one)).sort()).toEqual(served);
  });
});
