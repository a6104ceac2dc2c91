import type { Entry } from '@dcp/contracts';
import type { ChannelUpdate, SystemContent } from '@dcp/protocol';
import { textFrame } from '../sockets/frames.js';

/** How the system actions of §6.2 are called in `channel_update` (§7.2). */
const UPDATE_OF_ACTION: Record<string, ChannelUpdate['action']> = {
  user_joined: 'member_joined',
  user_left: 'member_left',
  settings_changed: 'settings_changed',
  channel_created: 'channel_created',
  user_invited: 'member_invited',
  user_removed: 'member_removed',
  user_banned: 'member_banned',
  invitation_revoked: 'state_changed',
  user_unbanned: 'state_changed',
  link_created: 'state_changed',
  link_revoked: 'state_changed',
};

/** Actions that one user does about another: the update is about the other. */
const ABOUT_TARGET = new Set(['user_invited', 'invitation_revoked', 'user_removed', 'user_banned', 'user_unbanned']);

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

/** Ours come last: what an author wrote into his entry cannot pass for them. */
function detailsOf({ action, actor, target, details }: SystemContent): Record<string, unknown> {
  const about = ABOUT_TARGET.has(action) ? { user_id: target, by: actor } : { user_id: actor };
  return { ...details, ...about, ...(UPDATE_OF_ACTION[action] === 'state_changed' ? { change: action } : {}) };
}

function updateFrame(entry: Entry, where: string): Buffer {
  const { content } = JSON.parse(entry.body) as { content: SystemContent };
  const details = JSON.stringify(detailsOf(content));
  const action = JSON.stringify(UPDATE_OF_ACTION[content.action] ?? content.action);
  return textFrame(
    `{"event":"channel_update","data":{"action":${action},${where},"details":${details},"seq":${entry.seq}}}`,
  );
}
