import { expect } from '@jest/globals';
import type { Actor, Room } from './actor.js';
import type { Frame } from './client-socket.js';
import type { Device } from './device.js';
import type { ErrorBody } from './errors.js';
import type { Dict } from './json.js';
import { act, identityDetail, joinSealed, type SealedRoom } from './private-channel.js';
import type { Answer } from './rest.js';
import { until } from './until.js';

/** Another node has to be asked, on a machine that does much else. */
export const FAR_GUARD_MS = 60_000;

/** A message as a history has it. */
export interface Line {
  seq: number;
  id: string;
  author: string;
}

/** A channel of another node, as its users name it (profile §2). */
export function seenFromAfar({ channel, channel_id }: Room, home: string): Room {
  return { channel: `${channel}@${home}`, channel_id };
}

/** A node that has just come up is not linked yet: 3000 may be tried again (§14.3). */
export async function whenLinked(ask: () => Promise<Answer>): Promise<Answer> {
  return await until(async () => {
    const answer = await ask();
    return (answer.body['error'] as ErrorBody | undefined)?.code === 'NODE_UNREACHABLE' ? undefined : answer;
  }, FAR_GUARD_MS);
}

/** Joins a public channel of another node by name; the room as it is called at the guest's node. */
export async function joinAfar(guest: Actor, room: Room, home: string): Promise<Room> {
  const far = seenFromAfar(room, home);
  const path = `/channels/${encodeURIComponent(far.channel)}/join`;
  const { status, body } = await whenLinked(() => guest.rest.post(path));
  expect({ status, body }).toMatchObject({ status: 200, body: far });
  return far;
}

/** Invites somebody of another node into a private channel; he joins when his own node tells him. */
export async function admitFromAfar(inviter: Device, guest: Device, room: SealedRoom): Promise<void> {
  const socket = await guest.connect();
  await act(inviter, room, 'user_invited', guest.userId, identityDetail(guest));
  const isInvited = ({ event, data }: Frame) => event === 'invitation' && data['channel_id'] === room.channel_id;
  await socket.next(isInvited, 'invitation', FAR_GUARD_MS);
  await joinSealed(guest, room);
  socket.raw.break();
}

/** What people wrote in a channel, oldest first, as the reader's own node tells it. */
export async function messagesOf(reader: Actor, { channel_id }: Room): Promise<Dict[]> {
  const { status, body } = await reader.rest.get<{ messages: Dict[] }>(`/channels/${channel_id}/messages?limit=100`);
  expect({ status, body }).toMatchObject({ status: 200 });
  return body.messages.filter(({ type }) => type !== 'system');
}

/** The reader's history, once it has these messages. */
export async function historyWith(reader: Actor, room: Room, ids: string[]): Promise<Line[]> {
  const whole = async () => {
    const lines = (await messagesOf(reader, room)).map(lineOf);
    return ids.every((id) => lines.some((line) => line.id === id)) ? lines : undefined;
  };
  return await until(whole, FAR_GUARD_MS);
}

function lineOf({ id, author, node }: Dict): Line {
  return { seq: (node as { seq: number }).seq, id: String(id), author: String(author) };
}
