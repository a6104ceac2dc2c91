import { at, FEDERATION, GATEWAY, type TypingChanged } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import type { ServerEvent } from '@dcp/protocol';
import type { Hub } from '../fanout/hub.js';
import { textFrame } from '../sockets/frames.js';

/** Passes typing on to the sockets of a channel, but not to the one who types or to those who blocked him. */
export function hearTyping(bus: Bus, hub: Hub): Subscription[] {
  const show = (change: TypingChanged) => showTyping(hub, change);
  return [bus.subscribe(at(GATEWAY.typing, '*'), show), bus.subscribe(at(FEDERATION.typing, '*'), show)];
}

function showTyping(hub: Hub, { channel_id, user_id, typing }: TypingChanged): void {
  const room = hub.get(channel_id);
  if (room === undefined) return;
  let frame: Buffer | undefined;
  for (const connection of room.connections) {
    const { user } = connection;
    if (user === null || user.userId === user_id || user.blocked?.has(user_id) === true) continue;
    // One name for all who are left: in a DM that is one user.
    frame ??= typingFrame({ user_id, channel: room.nameFor(connection), channel_id, typing });
    connection.push(frame);
  }
}

function typingFrame(data: Extract<ServerEvent, { event: 'typing' }>['data']): Buffer {
  return textFrame(JSON.stringify({ event: 'typing', data } satisfies ServerEvent));
}
