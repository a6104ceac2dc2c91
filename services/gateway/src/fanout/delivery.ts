import type { Entry } from '@dcp/contracts';
import { textFrame } from '../sockets/frames.js';

/** How the system actions of §6.2 are called in `channel_update` (§7.2). */
const UPDATE_OF_ACTION: Record<string, string> = {
  user_joined: 'member_joined',
  user_left: 'member_left',
  settings_changed: 'settings_changed',
  channel_created: 'channel_created',
};

/**
 * The message as a viewer gets it: the stored JCS text with the viewer's `channel` and the node's `node` spliced in front. The
 * stored text is never parsed on the way out.
 */
export function deliveredMessage(entry: Entry, name: string): string {
  const node = `{"received_at":${JSON.stringify(entry.received_at)},"seq":${entry.seq}}`;
  return `{"channel":${JSON.stringify(name)},"node":${node},${entry.body.slice(1)}`;
}

/** The frames of one entry: `message`, for a change of state also `channel_update`, or `message_hidden` when it was wiped. */
export function entryFrame(entry: Entry, channelId: string, name: string): Buffer {
  if (entry.body === '') return hiddenFrame(entry.seq, channelId, name);
  const where = `"channel":${JSON.stringify(name)},"channel_id":"${channelId}"`;
  const message = textFrame(
    `{"event":"message","data":{${where},"message":${deliveredMessage(entry, name)},"seq":${entry.seq}}}`,
  );
  if (entry.type !== 'system') return message;
  return Buffer.concat([message, updateFrame(entry, where)]);
}

/** An entry that a viewer is not shown. */
export function hiddenFrame(seq: number, channelId: string, name: string): Buffer {
  return textFrame(
    `{"event":"message_hidden","data":{"channel":${JSON.stringify(name)},"channel_id":"${channelId}","seq":${seq}}}`,
  );
}

function updateFrame(entry: Entry, where: string): Buffer {
  const { content } = JSON.parse(entry.body) as { content: { action: string; actor: string; details: object } };
  const details = JSON.stringify({ user_id: content.actor, ...content.details });
  const action = JSON.stringify(UPDATE_OF_ACTION[content.action] ?? content.action);
  return textFrame(
    `{"event":"channel_update","data":{"action":${action},${where},"details":${details},"seq":${entry.seq}}}`,
  );
}
