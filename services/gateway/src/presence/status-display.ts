import type { Presence, ServerEvent } from '@dcp/protocol';
import type { Hub } from '../fanout/hub.js';
import type { Connection } from '../sockets/connection.js';
import { textFrame } from '../sockets/frames.js';

export interface StatusChange {
  user_id: string;
  status: Presence;
  last_seen: string;
  message?: string | undefined;
  channels: Iterable<string>;
}

/** Shows a change of status, once to each socket in any of the channels: not to the user himself, and not to who has blocked him. */
export class StatusDisplay {
  /** Rooms with more sockets than `roomLimit` carry no presence (ADR 4): one change there would cost a write for each of them. */
  constructor(
    private readonly hub: Hub,
    private readonly roomLimit: number,
  ) {}

  show({ channels, message, ...shown }: StatusChange): void {
    const data = message === undefined ? shown : { ...shown, message };
    const event: ServerEvent = { event: 'user_status', data };
    const frame = textFrame(JSON.stringify(event));
    for (const connection of this.viewers(shown.user_id, channels)) connection.push(frame);
  }

  private viewers(userId: string, channels: Iterable<string>): Set<Connection> {
    const viewers = new Set<Connection>();
    for (const channelId of channels) {
      const connections = this.hub.get(channelId)?.connections;
      if (connections === undefined || connections.size > this.roomLimit) continue;
      for (const connection of connections) {
        const { user } = connection;
        if (user !== null && user.userId !== userId && user.blocked?.has(userId) !== true) viewers.add(connection);
      }
    }
    return viewers;
  }
}
