import { describe, expect, it } from '@jest/globals';
import type { IncomingMessage } from 'node:http';
import { DcpError } from '@dcp/protocol';
import { readHandshake, UnknownPathError } from './handshake.js';

const request = (headers: Record<string, string>, url = '/ws/v1') =>
  ({
    url,
    headers: { host: 'chat.example.com', ...headers },
    socket: { remoteAddress: '192.0.2.1' },
  }) as unknown as IncomingMessage;

const protocol = (value: string) => ({ 'sec-websocket-protocol': value });

describe('readHandshake (§7.1)', () => {
  it('[DCP-7.1-01] knows one path', () => {
    expect(() => readHandshake(request(protocol('dcp-v1'), '/ws/v2'), false)).toThrow(UnknownPathError);
  });

  it('[DCP-7.1-02] [DCP-14.2-15] wants dcp-v1, and calls another version by its error', () => {
    expect(() => readHandshake(request(protocol('dcp-v2')), false)).toThrow(
      expect.objectContaining({ code: 'PROTOCOL_VERSION_MISMATCH' }) as unknown as Error,
    );
    expect(() => readHandshake(request({}), false)).toThrow(DcpError);
    expect(readHandshake(request(protocol('dcp-v2, dcp-v1')), false).token).toBeUndefined();
  });

  it('[DCP-7.1-03] takes the token from the header or from a subprotocol value, never from the URL', () => {
    expect(readHandshake(request({ ...protocol('dcp-v1'), authorization: 'Bearer a.b.c' }), false).token).toBe('a.b.c');
    expect(readHandshake(request(protocol('dcp-v1, dcp.bearer.a.b.c')), false).token).toBe('a.b.c');
    expect(readHandshake(request(protocol('dcp-v1'), '/ws/v1?token=a.b.c'), false).token).toBeUndefined();
  });

  it('believes a proxy only when told to', () => {
    const forwarded = {
      ...protocol('dcp-v1'),
      'x-forwarded-for': '10.0.0.1, 198.51.100.7',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'node.example',
    };
    expect(readHandshake(request(forwarded), false)).toMatchObject({
      address: '192.0.2.1',
      endpoint: 'ws://chat.example.com',
    });
    expect(readHandshake(request(forwarded), true)).toMatchObject({
      address: '198.51.100.7',
      endpoint: 'wss://node.example',
    });
  });
});
