import type * as Addon from 'pkcs11js';
import { ConfigError } from '../../config/config-error.js';
import { isError } from '../../errors/is-error.js';
import { nodeKeyNames } from '../node-key-config.js';

/** The add-on with one PKCS#11 library loaded. */
export interface Pkcs11Module {
  readonly addon: typeof Addon;
  readonly calls: Addon.PKCS11;
}

/** Loads the add-on, which is there only for this, and the library of the HSM. Throws a ConfigError that says what to do. */
export async function loadPkcs11(path: string): Promise<Pkcs11Module> {
  const addon = await loadAddon();
  const calls = new addon.PKCS11();
  try {
    calls.load(path);
  } catch (error) {
    throw fault(
      `no PKCS#11 library can be loaded from ${path} (${reason(error)}): install the HSM's, or name the right file`,
    );
  }
  return { addon, calls };
}

async function loadAddon(): Promise<typeof Addon> {
  try {
    return (await import('pkcs11js')).default;
  } catch {
    throw fault('the add-on pkcs11js is not built here: npm run hsm -- build (it needs a C++ compiler)');
  }
}

function fault(problem: string): ConfigError {
  return new ConfigError([{ variable: nodeKeyNames.hsmModule, problem }]);
}

/** One line of what the loader of the system said. */
function reason(error: unknown): string {
  return (isError(error) ? error.message : 'it cannot be opened').split('\n')[0]?.slice(0, 200) ?? '';
}
