import { readFile } from 'node:fs/promises';
import { type Ed25519Signer, fromBase64, NodeRoot, ready, seedSigner } from '@dcp/crypto';
import type { Subscription } from '../bus/bus.js';
import { ConfigError } from '../config/config-error.js';
import type { Health } from '../health/health.js';
import type { Logger } from '../logging/logger.js';
import type { Metrics } from '../metrics/metrics.js';
import { hsmPlace, openToken } from './hsm/hsm-place.js';
import { HsmSigner } from './hsm/hsm-signer.js';
import { type NodeKeyConfig, nodeKeyNames } from './node-key-config.js';
import { unsealRoot } from './sealed-root.js';
import { watchHsm } from './watch-hsm.js';

/** Who the node is: the one who signs, and what its other secrets are made from. */
export interface NodeIdentity {
  readonly signer: Ed25519Signer;
  readonly root: NodeRoot;
  /** Tells readiness, metrics and the log about the HSM; nothing where there is none. */
  watch(parts: { health: Health; metrics: Metrics; logger: Logger }): Subscription;
  close(): void;
}

/** The identity of a seed (base64) in memory. Needs `ready()` of the crypto library. */
export function seedIdentity(nodeKey: string | undefined): NodeIdentity {
  if (nodeKey === undefined)
    throw new Error('the key lies in an HSM: whoever starts the module opens it and hands it in');
  const seed = fromBase64(nodeKey);
  return {
    signer: seedSigner(seed),
    root: NodeRoot.ofSeed(seed),
    watch: () => ({ unsubscribe: () => undefined }),
    close: () => undefined,
  };
}

/** The identity that a service's configuration names. Throws a ConfigError that says what to do, or an HsmError. */
export async function openNodeIdentity(config: NodeKeyConfig): Promise<NodeIdentity> {
  await ready();
  return config.hsmModule === undefined ? seedIdentity(config.nodeKey) : await hsmIdentity(config);
}

async function hsmIdentity(config: NodeKeyConfig): Promise<NodeIdentity> {
  const place = hsmPlace(config);
  const sealed = await readSealed(config.sealedSeedFile ?? '');
  const token = await openToken(place);
  try {
    const signer = HsmSigner.of(token, place.key);
    const root = unsealRoot(sealed, signer);
    return { signer, root, watch: (parts) => watchHsm(signer, parts), close: () => signer.close() };
  } catch (error) {
    token.close();
    throw error;
  }
}

async function readSealed(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const problem = `${file} cannot be read (${code}): npm run hsm -- init makes it, or take it from a backup`;
    throw new ConfigError([{ variable: nodeKeyNames.sealedSeedFile, problem }]);
  }
}
