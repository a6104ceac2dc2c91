import { commandFrame, invalidFormat, parseJson, parseWith, type CommandFrame } from '@dcp/protocol';
import type { Logger } from '@dcp/node-kit';
import { MAX_INBOX, type Connection } from './connection.js';
import { sendError } from './reply.js';

/** Does what a frame asks. A promise means: the socket's next frame waits for it. */
export interface FrameHandler {
  /** `auth_*` frames (§5.2). */
  authenticate(connection: Connection, frame: Record<string, unknown>): Promise<void>;
  command(connection: Connection, frame: CommandFrame, bytes: number): Promise<void> | undefined;
}

/**
 * Handles the frames of one socket in their order: the next one starts when the one before is done. Frames that wait are bounded;
 * a socket that sends faster is not read until they are handled.
 */
export class FrameLoop {
  constructor(
    private readonly handler: FrameHandler,
    private readonly logger: Logger,
  ) {}

  receive(connection: Connection, text: string): void {
    if (connection.inbox !== null) return this.wait(connection, connection.inbox, text);
    const running = this.handle(connection, text);
    if (running === undefined) return;
    connection.inbox = [];
    void running.then(() => this.drain(connection));
  }

  private wait(connection: Connection, inbox: string[], text: string): void {
    inbox.push(text);
    if (inbox.length >= MAX_INBOX) connection.pauseReading();
  }

  private async drain(connection: Connection): Promise<void> {
    const inbox = connection.inbox ?? [];
    for (let text = inbox.shift(); text !== undefined && !connection.closed; text = inbox.shift()) {
      if (inbox.length < MAX_INBOX / 2) connection.resumeReading();
      await this.handle(connection, text);
    }
    connection.inbox = null;
    if (!connection.closed) connection.resumeReading();
  }

  /** Never rejects: what goes wrong becomes an error frame. */
  private handle(connection: Connection, text: string): Promise<void> | undefined {
    let id: string | undefined;
    try {
      const frame = parseJson(text);
      if (typeof frame !== 'object' || frame === null || Array.isArray(frame)) throw invalidFormat('not_an_object');
      if (typeof frame['id'] === 'string' && frame['id'].length <= 64) id = frame['id'];
      return this.dispatch(connection, frame, text.length)?.catch((error: unknown) =>
        sendError(connection, id, error, this.logger),
      );
    } catch (error) {
      sendError(connection, id, error, this.logger);
      return undefined;
    }
  }

  private dispatch(connection: Connection, frame: Record<string, unknown>, bytes: number): Promise<void> | undefined {
    if (typeof frame['type'] === 'string') return this.handler.authenticate(connection, frame);
    if (!('command' in frame)) throw invalidFormat('a frame has `type` or `command`', 'command');
    return this.handler.command(connection, parseWith(commandFrame, frame), bytes);
  }
}
