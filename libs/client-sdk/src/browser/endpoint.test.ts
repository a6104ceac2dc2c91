import { describe, expect, it } from '@jest/globals';
import { endpointOf } from './endpoint.js';

describe('the address of a node', () => {
  it.each([
    ['node.example', 'wss://node.example'],
    [' https://node.example/ ', 'wss://node.example'],
    ['wss://node.example:8443', 'wss://node.example:8443'],
    ['127.0.0.1:8008', 'ws://127.0.0.1:8008'],
    ['localhost', 'ws://localhost'],
    ['[::1]:8008', 'ws://[::1]:8008'],
    ['http://192.0.2.1:8008', 'ws://192.0.2.1:8008'],
  ])('%s is %s', (address, endpoint) => expect(endpointOf(address)).toBe(endpoint));

  it.each(['', 'ftp://node.example', 'javascript:alert(1)', 'a b', 'https://'])('"%s" is none', (address) =>
    expect(() => endpointOf(address)).toThrow(expect.objectContaining({ code: 'INVALID_MESSAGE_FORMAT' })),
  );
});
