import { describe, expect, it } from '@jest/globals';
import { domainOf, originsOf } from './origins.js';

describe('where a hint leads', () => {
  it.each([
    ['chat.example.com', ['https://chat.example.com']],
    ['chat.example.com:8443', ['https://chat.example.com:8443']],
    ['wss://chat.example.com', ['https://chat.example.com']],
    ['https://chat.example.com/a/b?c', ['https://chat.example.com']],
    ['127.0.0.1:8008', ['https://127.0.0.1:8008', 'http://127.0.0.1:8008']],
    ['ws://127.0.0.1:8008', ['http://127.0.0.1:8008']],
    ['ws://chat.example.com', []],
    ['http://10.0.0.1', []],
    ['file:///etc/passwd', []],
    ['not a host', []],
    ['', []],
  ])('%s', (hint, origins) => expect(originsOf(hint)).toEqual(origins));

  it('knows what may have SRV records', () => {
    expect(domainOf('example.com')).toBe('example.com');
    expect(domainOf('wss://example.com')).toBe('example.com');
    for (const hint of ['example.com:8443', '10.0.0.1', '[::1]', '']) expect(domainOf(hint)).toBeUndefined();
  });
});
