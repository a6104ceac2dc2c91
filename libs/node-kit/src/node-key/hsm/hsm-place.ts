import { ed25519PublicKey } from '@dcp/crypto';
import { ConfigError } from '../../config/config-error.js';
import { type NodeKeyConfig, nodeKeyNames } from '../node-key-config.js';
import { HsmSigner } from './hsm-signer.js';
import { HsmToken } from './hsm-token.js';
import { loadPkcs11 } from './pkcs11-module.js';

/** Where in which HSM. */
export interface HsmPlace {
  /** Path of the PKCS#11 library. */
  readonly module: string;
  /** Label of the token. */
  readonly token: string;
  readonly pin: string;
}

export interface HsmSettings extends HsmPlace {
  /** Label of the key. */
  readonly key: string;
}

/** The settings of the HSM, all of them. Throws a ConfigError that names those that are missing. */
export function hsmPlace(config: NodeKeyConfig): HsmSettings {
  const { hsmModule: module, hsmToken: token, hsmKey: key, hsmPin: pin } = config;
  if (module !== undefined && token !== undefined && key !== undefined && pin !== undefined)
    return { module, token, key, pin };
  const missing = (['hsmModule', 'hsmToken', 'hsmKey', 'hsmPin'] as const).filter((name) => config[name] === undefined);
  throw new ConfigError(missing.map((name) => ({ variable: nodeKeyNames[name], problem: 'is not set' })));
}

/** Opens the token; `mayWrite` for the making of keys. Throws a ConfigError or an HsmError that says what to do. */
export async function openToken(place: HsmPlace, mayWrite = false): Promise<HsmToken> {
  const token = new HsmToken(await loadPkcs11(place.module), place, mayWrite);
  try {
    token.open();
  } catch (error) {
    token.close();
    throw error;
  }
  return token;
}

/** The key of this label, made when there is none. */
export function makeHsmKey(token: HsmToken, label: string): { signer: HsmSigner; isNew: boolean } {
  const isNew = token.findKey(label) === undefined;
  if (isNew) token.makeKey(label);
  return { signer: HsmSigner.of(token, label), isNew };
}

/** The key of this label, which is the given seed's: put there when there is none. */
export function importHsmKey(token: HsmToken, label: string, seed: Uint8Array): HsmSigner {
  const publicKey = ed25519PublicKey(seed);
  if (token.findKey(label) === undefined) token.importKey(label, seed, publicKey);
  const signer = HsmSigner.of(token, label);
  if (Buffer.compare(signer.publicKey, publicKey) === 0) return signer;
  const problem = `the token holds another key named "${label}": choose another label`;
  throw new ConfigError([{ variable: nodeKeyNames.hsmKey, problem }]);
}
