import { describe, expect, it } from '@jest/globals';
import { silentLogger } from '@dcp/node-kit';
import { testConnection } from '../../test/test-connection.js';
import { MAX_INBOX } from './connection.js';
import { FrameLoop } from './frame-loop.js';

const frame = (command: string) => JSON.stringify({ command });

describe('FrameLoop', () => {
  it('handles the frames of one socket one after the other', async () => {
    const steps: string[] = [];
    let release: () => void = () => undefined;
    const loop = new FrameLoop(
      {
        authenticate: async () => undefined,
        command: (_connection, { command }) => {
          steps.push(`start ${command}`);
          if (command !== 'slow') return undefined;
          return new Promise<void>((resolve) => {
            release = resolve;
          }).then(() => void steps.push('end slow'));
        },
      },
      silentLogger,
    );
    const { connection } = testConnection();
    for (const name of ['fast', 'slow', 'after']) loop.receive(connection, frame(name));
    expect(steps).toEqual(['start fast', 'start slow']);
    release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(steps).toEqual(['start fast', 'start slow', 'end slow', 'start after']);
  });

  it('stops reading a socket whose frames wait', () => {
    const loop = new FrameLoop(
      { authenticate: async () => undefined, command: () => new Promise(() => undefined) },
      silentLogger,
    );
    const { connection, calls } = testConnection();
    for (let i = 0; i <= MAX_INBOX; i++) loop.receive(connection, frame('x'));
    expect(calls).toContain('pause');
  });

  it.each(['', '{', '[]', 'null', '{"a":1,"a":2}', '{}', '{"command":7}', '{"type":{}}'])(
    '[DCP-6.4-03] [DCP-14.1-01] answers %j with 2000 and lives',
    (text) => {
      const loop = new FrameLoop({ authenticate: async () => undefined, command: () => undefined }, silentLogger);
      const { connection, events } = testConnection();
      loop.receive(connection, text);
      expect(events()).toEqual([
        {
          event: 'error',
          error: expect.objectContaining({
            code: 'INVALID_MESSAGE_FORMAT',
            number: 2000,
            request_id: expect.stringMatching(/^req_/),
          }),
        },
      ]);
    },
  );
});
