import type { Handle } from 'pkcs11js';
import { ConfigError } from '../../config/config-error.js';
import { nodeKeyNames } from '../node-key-config.js';
import { answerOf, HsmError } from './hsm-error.js';
import type { HsmPlace } from './hsm-place.js';
import type { Pkcs11Module } from './pkcs11-module.js';

const PIN_ANSWERS = new Set([
  'CKR_PIN_INCORRECT',
  'CKR_PIN_INVALID',
  'CKR_PIN_LEN_RANGE',
  'CKR_PIN_EXPIRED',
  'CKR_PIN_LOCKED',
  'CKR_USER_PIN_NOT_INITIALIZED',
]);

/**
 * Logs this process in as the user of the token. A service that is restarted again and again with a wrong PIN would lock the token, so
 * the last try that it allows is left to a person.
 */
export function login({ addon, calls }: Pkcs11Module, slot: Handle, session: Handle, { token, pin }: HsmPlace): void {
  const { flags } = answered(() => calls.C_GetTokenInfo(slot));
  if ((flags & addon.CKF_USER_PIN_LOCKED) !== 0)
    throw pinFault(`the token "${token}" is locked after too many wrong PINs: unlock it with the HSM's own tool`);
  if ((flags & addon.CKF_USER_PIN_FINAL_TRY) !== 0)
    throw pinFault(`the token "${token}" allows one more try, which was not used: log in once with the HSM's own tool`);
  try {
    calls.C_Login(session, addon.CKU_USER, pin);
  } catch (error) {
    const answer = answerOf(error);
    if (answer === 'CKR_USER_ALREADY_LOGGED_IN') return;
    if (!PIN_ANSWERS.has(answer)) throw new HsmError(`the HSM answered ${answer} to C_Login`);
    throw pinFault(
      `the token "${token}" refuses the PIN (${answer}): put it right before the next start, HSMs lock after a few`,
    );
  }
}

function answered<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new HsmError(`the HSM answered ${answerOf(error)} to C_GetTokenInfo`);
  }
}

function pinFault(problem: string): ConfigError {
  return new ConfigError([{ variable: nodeKeyNames.hsmPin, problem }]);
}
