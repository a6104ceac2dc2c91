import { DcpError, invalidFormat, parseWith, type CommandFrame } from '@dcp/protocol';
import type { Connection } from '../sockets/connection.js';
import { sendAck } from '../sockets/reply.js';
import { WRITING_COMMANDS } from '../trust/writing-commands.js';
import type { Caller, Command, CommandTools } from './command.js';
import {
  banUserCommand,
  changeStateCommand,
  getStateCommand,
  inviteUserCommand,
  kickUserCommand,
} from './change-state.js';
import { acknowledgeStatusCommand } from './acknowledge-status.js';
import { createChannelCommand } from './create-channel.js';
import { getHistoryCommand } from './get-history.js';
import { joinChannelCommand } from './join-channel.js';
import {
  acknowledgeKeysCommand,
  claimKeysCommand,
  fetchKeysCommand,
  getDevicesCommand,
  publishKeysCommand,
  routeMessageCommand,
  sendKeysCommand,
} from './keys.js';
import { leaveChannelCommand } from './leave-channel.js';
import { meetNodeCommand } from './meet-node.js';
import { resumeCommand } from './resume.js';
import { sendMessage } from './send-message.js';
import { subscribeCommand, unsubscribeCommand } from './subscribe.js';
import { typingCommand } from './typing.js';
import { updateChannelCommand } from './update-channel.js';
import { updateStatusCommand } from './update-status.js';

const COMMANDS = new Map<string, Command<unknown>>(
  [
    acknowledgeKeysCommand,
    acknowledgeStatusCommand,
    banUserCommand,
    changeStateCommand,
    claimKeysCommand,
    createChannelCommand,
    fetchKeysCommand,
    getDevicesCommand,
    getHistoryCommand,
    getStateCommand,
    inviteUserCommand,
    joinChannelCommand,
    kickUserCommand,
    leaveChannelCommand,
    meetNodeCommand,
    publishKeysCommand,
    resumeCommand,
    routeMessageCommand,
    sendKeysCommand,
    subscribeCommand,
    typingCommand,
    unsubscribeCommand,
    updateChannelCommand,
    updateStatusCommand,
  ].map((command) => [command.name, command]),
);

/** Every command that this node understands, for the error that an unknown one gets. */
export const COMMAND_NAMES = [...COMMANDS.keys(), 'send_message'].sort();

/** Runs one command of a socket that has logged in. A promise means that the socket's next frame waits. */
export function runCommand(
  connection: Connection,
  frame: CommandFrame,
  bytes: number,
  tools: CommandTools,
): Promise<void> | undefined {
  const caller = requireSession(connection, tools);
  if (frame.command === 'send_message') return sendMessage(caller, frame, bytes, tools);
  const command = COMMANDS.get(frame.command);
  if (command === undefined) throw unknownCommand();
  if (WRITING_COMMANDS.has(command.name)) tools.moderation.mayWrite(caller.session);
  tools.limits.command(caller.session.user_id, command.cost);
  const data = parseWith(command.schema, frame.data ?? {});
  return afterPosts(caller, command, data, frame.id, tools);
}

async function afterPosts(
  caller: Caller,
  command: Command<unknown>,
  data: unknown,
  id: string | undefined,
  tools: CommandTools,
): Promise<void> {
  await caller.postsDone();
  sendAck(caller, id, await command.run(caller, data, tools));
}

function requireSession(connection: Connection, { clock }: CommandTools): Caller {
  if (connection.session === null) throw new DcpError('INVALID_CREDENTIALS', { reason: 'log_in_first' });
  if (Math.floor(clock.now() / 1000) >= connection.refreshAfter) {
    throw new DcpError('SESSION_EXPIRED', { reason: 'refresh_required' });
  }
  return connection as Caller;
}

function unknownCommand(): DcpError {
  const error = invalidFormat('unknown_command', 'command');
  return new DcpError(error.code, { ...error.details, commands: COMMAND_NAMES });
}
