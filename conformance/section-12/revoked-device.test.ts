import { expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { conformance } from '../local/conformance.js';
import { Actor } from '../stranger/actor.js';
import { Device, revokeDevice } from '../stranger/device.js';
import { expectRefused } from '../stranger/errors.js';
import { randomName } from '../stranger/identity-file.js';
import type { Dict } from '../stranger/json.js';
import { roomOf, sealedPost, stateEntry } from '../stranger/private-channel.js';
import { Rest } from '../stranger/rest.js';
import { newSenderKey } from '../stranger/sealed-message.js';
import { until } from '../stranger/until.js';

/** §12.3 wants it at once; ten times a second is the guard. */
const GUARD_MS = 10_000;

conformance('§12.3 a device is revoked from afar', (node) => {
  const device = () => Device.signUpDevice(node);

  it('[DCP-12.3-07] its sessions end on every gateway, its key opens no new one, the other devices go on', async () => {
    const phone = await device();
    const laptop = await Device.of(phone);
    const again = await laptop.again();
    const sockets = [];
    for (const url of node.running.urls) sockets.push(await laptop.via(url).connect(), await again.via(url).connect());
    const kept = await phone.connect();
    const start = Date.now();
    await revokeDevice(phone, laptop);
    for (const socket of sockets) expect(await socket.raw.closed).toMatchObject({ code: 4001 });
    expect(Date.now() - start).toBeLessThan(GUARD_MS);
    for (const url of node.running.urls) {
      for (const session of [laptop, again]) {
        const answer = await until(() => ended(session.via(url)), GUARD_MS);
        expectRefused(answer, 'SESSION_EXPIRED');
      }
    }
    const proof = laptop.proof(await laptop.challenge());
    expectRefused(await new Rest(laptop.url).post('/auth/proof', proof), 'INVALID_CREDENTIALS');
    await kept.ack('update_status', { status: 'online' });
    await phone.again();
  });

  async function ended(session: Actor) {
    const answer = await session.rest.get('/accounts/me');
    return answer.status === 401 ? answer : undefined;
  }

  it('[DCP-12.3-07] it gets no keys any more: its prekeys and its queue are gone', async () => {
    const [phone, alice] = [await device(), await device()];
    const laptop = await Device.of(phone);
    const his = await laptop.connect();
    const prekeys = laptop.stock(2).map(({ published }) => published);
    await his.ack('publish_keys', { epoch: 1, prekeys });
    const hers = await alice.connect();
    const message = () => ({
      ...laptop.reference,
      id: `km_${randomName(20)}`,
      body: randomBytes(60).toString('base64'),
    });
    expect(await hers.ack('send_keys', { messages: [message()] })).toEqual({ unknown: [], full: [] });
    await revokeDevice(phone, laptop);
    const claimed = await until(async () => {
      const answer = await hers.ack('claim_keys', { devices: [laptop.reference] });
      return (answer['missing'] as unknown[]).length === 1 ? answer : undefined;
    }, GUARD_MS);
    expect(claimed).toEqual({ bundles: [], missing: [laptop.reference] });
    expect(await hers.ack('send_keys', { messages: [message()] })).toEqual({ unknown: [laptop.reference], full: [] });
  });

  it('[DCP-12.3-07] who shares a channel with him is told, and so are his other devices', async () => {
    const [alice, phone, stranger] = [await device(), await device(), await device()];
    await roomOf(alice, phone);
    const laptop = await Device.of(phone);
    const sockets = [await alice.connect(), await phone.connect()];
    const outside = await stranger.connect();
    const entry = await revokeDevice(phone, laptop);
    for (const socket of sockets) await socket.event('devices_changed', { user_id: phone.userId, seq: entry.seq });
    await outside.ask('are_you_there');
    expect(outside.heard.filter(({ event }) => event === 'devices_changed')).toEqual([]);
    const { logs } = await (sockets[0] ?? outside).ack('get_devices', { users: [{ user_id: phone.userId }] });
    expect((logs as { entries: Dict[] }[])[0]?.entries.at(-1)).toEqual(entry);
  });

  it('[DCP-12.3-07] nothing that it signs is taken behind its end, also from another session of its user', async () => {
    const [alice, phone] = [await device(), await device()];
    const room = await roomOf(alice, phone);
    const laptop = await Device.of(phone);
    await revokeDevice(phone, laptop);
    const path = `/channels/${room.channel_id}`;
    const post = sealedPost(laptop, room, newSenderKey(), { text: 'x' });
    const entry = stateEntry(laptop, room, 'user_left', laptop.userId);
    for (const session of [laptop, phone]) {
      expect((await session.rest.post(`${path}/messages`, post)).status).toBeGreaterThanOrEqual(400);
      expect((await session.rest.post(`${path}/leave`, { entry })).status).toBeGreaterThanOrEqual(400);
    }
    expect((await phone.rest.get(`${path}/messages`)).status).toBe(200);
  });
});
