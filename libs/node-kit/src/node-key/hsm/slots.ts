import type { Handle } from 'pkcs11js';
import { ConfigError } from '../../config/config-error.js';
import { nodeKeyNames } from '../node-key-config.js';
import { answerOf, HsmError } from './hsm-error.js';
import type { Pkcs11Module } from './pkcs11-module.js';

/** More tokens than a person would look through are not listed in an error. */
const SHOWN = 8;

/** The slot of the one token with this label. Throws a ConfigError that names those that are there. */
export function findSlot({ addon, calls }: Pkcs11Module, label: string): Handle {
  const tokens = tokensOf(() =>
    calls.C_GetSlotList(true).map((slot) => ({ slot, ...calls.C_GetTokenInfo(slot) })),
  ).filter(({ flags }) => (flags & addon.CKF_TOKEN_INITIALIZED) !== 0);
  const named = tokens.filter((token) => labelOf(token) === label);
  const [found, second] = named;
  if (found !== undefined && second === undefined) return found.slot;
  const problem =
    second === undefined
      ? `no token is labelled "${label}" (${list(tokens.map(labelOf))}): is it connected, and is this the right label?`
      : `several tokens are labelled "${label}": give each its own label`;
  throw new ConfigError([{ variable: nodeKeyNames.hsmToken, problem }]);
}

function tokensOf<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new HsmError(`the HSM answered ${answerOf(error)} when its tokens were asked for`);
  }
}

/** Labels are padded with blanks. */
function labelOf({ label }: { label: string }): string {
  return label.replace(/[\s\0]+$/, '');
}

function list(labels: string[]): string {
  if (labels.length === 0) return 'there is none';
  const shown = labels.slice(0, SHOWN).map((label) => `"${label}"`);
  return `there: ${shown.join(', ')}${labels.length > SHOWN ? ', …' : ''}`;
}
