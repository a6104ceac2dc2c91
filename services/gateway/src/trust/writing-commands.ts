/**
 * Commands with which a user says or changes something that others see. A banned one still reads, leaves, and keeps the keys of his
 * devices in order, so that he finds everything when the ban is over.
 */
export const WRITING_COMMANDS: ReadonlySet<string> = new Set([
  'ban_user',
  'change_state',
  'create_channel',
  'invite_user',
  'join_channel',
  'kick_user',
  'route_message',
  'typing',
  'update_channel',
  'update_status',
]);
