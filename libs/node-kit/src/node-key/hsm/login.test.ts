import { describe, expect, it } from '@jest/globals';
import { login } from './login.js';
import type { Pkcs11Module } from './pkcs11-module.js';

const [COUNT_LOW, FINAL_TRY, LOCKED] = [0x10000, 0x20000, 0x40000];
const handle = Buffer.alloc(8);
const place = { module: '/lib/hsm.so', token: 'dcp', pin: '4711-secret' };

/** What SoftHSM cannot do: count wrong PINs and lock. */
function device(flags: number, answer?: string): { module: Pkcs11Module; tries: () => number } {
  let tries = 0;
  const calls = {
    C_GetTokenInfo: () => ({ flags }),
    C_Login: () => {
      tries++;
      if (answer !== undefined) throw new Error(`${answer}:160\n at PKCS11.C_Login`);
    },
  };
  const addon = { CKF_USER_PIN_FINAL_TRY: FINAL_TRY, CKF_USER_PIN_LOCKED: LOCKED, CKU_USER: 1 };
  return { module: { addon, calls } as unknown as Pkcs11Module, tries: () => tries };
}

function messageOf(flags: number, answer?: string): { message: string; tries: number } {
  const { module, tries } = device(flags, answer);
  try {
    login(module, handle, handle, place);
  } catch (error) {
    return { message: (error as Error).message, tries: tries() };
  }
  return { message: '', tries: tries() };
}

describe('the login at a token', () => {
  it('tries the PIN once, also after one that was wrong', () => {
    expect(messageOf(0)).toEqual({ message: '', tries: 1 });
    expect(messageOf(COUNT_LOW)).toEqual({ message: '', tries: 1 });
    expect(messageOf(0, 'CKR_USER_ALREADY_LOGGED_IN')).toEqual({ message: '', tries: 1 });
  });

  it('leaves the last try to a person, and a locked token alone', () => {
    expect(messageOf(FINAL_TRY)).toEqual({ message: expect.stringContaining('one more try'), tries: 0 });
    expect(messageOf(LOCKED)).toEqual({ message: expect.stringContaining('is locked'), tries: 0 });
  });

  it('tells a wrong PIN from a device that is away, and never the PIN', () => {
    const wrong = messageOf(0, 'CKR_PIN_INCORRECT').message;
    expect(wrong).toMatch(/DCP_NODE_HSM_PIN: .*refuses the PIN \(CKR_PIN_INCORRECT\)/);
    const away = messageOf(0, 'CKR_DEVICE_REMOVED').message;
    expect(away).toBe('the HSM answered CKR_DEVICE_REMOVED to C_Login');
    expect(wrong + away).not.toContain(place.pin);
  });
});
