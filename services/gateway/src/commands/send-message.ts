import type { PostResult } from '@dcp/contracts';
import { DcpError, invalidFormat, type CommandFrame } from '@dcp/protocol';
import { sendAck, sendError } from '../sockets/reply.js';
import type { PostOwner } from '../posts/post-batcher.js';
import type { KnownChannel } from '../posts/channel-directory.js';
import type { Caller, CommandTools } from './command.js';

/**
 * `send_message` is not like the other commands: it must not wait for its answer before the socket's next post, so it hands the post
 * to the batcher and is done. What the message holds is checked once, by the channel service.
 */
export function sendMessage(
  caller: Caller,
  frame: CommandFrame,
  bytes: number,
  tools: CommandTools,
): Promise<void> | undefined {
  const message = frame.data ?? {};
  const { user_id } = caller.session;
  tools.moderation.mayPost(caller.session);
  tools.limits.post(user_id);
  tools.limits.bytes(user_id, bytes);
  const reference = channelOf(message);
  const known = tools.directory.known(reference);
  if (known === undefined) return resolveAndPost(caller, frame.id, message, bytes, reference, tools);
  post(caller, frame.id, message, bytes, known, tools);
  return undefined;
}

/** `channel_id` names the channel for good, `channel` as the sender sees it; one of them must be there. */
export function channelOf(message: Record<string, unknown>): string {
  const reference = message['channel_id'] ?? message['channel'];
  if (typeof reference !== 'string' || reference === '') throw invalidFormat('required', 'channel');
  return reference;
}

async function resolveAndPost(
  caller: Caller,
  id: string | undefined,
  message: Record<string, unknown>,
  bytes: number,
  reference: string,
  tools: CommandTools,
): Promise<void> {
  post(caller, id, message, bytes, await tools.directory.resolve(reference, caller.session.user_id), tools);
}

function post(
  caller: Caller,
  id: string | undefined,
  message: Record<string, unknown>,
  bytes: number,
  { channel_id }: KnownChannel,
  { batcher, logger }: CommandTools,
): void {
  batcher.add({ channel_id, session: caller.session, message }, bytes, new SocketPost(caller, id, logger));
  caller.outstandingPosts++;
}

/** The socket that waits for one post's answer. */
class SocketPost implements PostOwner {
  constructor(
    private readonly caller: Caller,
    private readonly id: string | undefined,
    private readonly logger: CommandTools['logger'],
  ) {}

  settle(result: PostResult): void {
    const { caller, id } = this;
    if (!caller.closed) {
      if ('ok' in result) sendAck(caller, id, result.ok);
      else
        sendError(caller, id, new DcpError(result.error.code, result.error.details, result.error.message), this.logger);
    }
    caller.postDone();
  }
}
