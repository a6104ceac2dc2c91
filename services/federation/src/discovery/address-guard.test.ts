import { describe, expect, it } from '@jest/globals';
import { isLoopbackHost, isPrivateAddress } from './address-guard.js';

describe('addresses that a hint may not lead to', () => {
  it.each([
    '127.0.0.1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    '169.254.169.254',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::a00:1',
    'fd00::1',
    'fe80::1',
    'ff02::1',
    'localhost',
    '',
  ])('%s is private', (address) => expect(isPrivateAddress(address)).toBe(true));

  it.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '93.184.216.34', '2606:4700::1111', '::ffff:1.1.1.1'])(
    '%s is public',
    (address) => expect(isPrivateAddress(address)).toBe(false),
  );

  it('knows this machine', () => {
    for (const host of ['localhost', '127.0.0.2', '::1', '[::1]']) expect(isLoopbackHost(host)).toBe(true);
    for (const host of ['127.0.0.1.example.com', '10.0.0.1', 'example.com']) expect(isLoopbackHost(host)).toBe(false);
  });
});
