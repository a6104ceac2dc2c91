import { join } from 'node:path';
import { type Environment, loadConfig } from '@dcp/node-kit';
import { namesHsm, nodeKeyNames, nodeKeyTable, type NodeIdentity, openNodeIdentity } from '@dcp/node-kit/node-key';
import { nodeSecrets, type NodeSecrets } from './secrets.js';

const SEALED_FILE = 'sealed-seed.json';

/** The environment with the place of the sealed seed file, which is in the data folder unless it says otherwise. */
export function withSealedFile(env: Environment, dataDir: string): Environment {
  return { ...env, [nodeKeyNames.sealedSeedFile]: env[nodeKeyNames.sealedSeedFile] || join(dataDir, SEALED_FILE) };
}

/** Who this node is, by its HSM or by `secrets.json`, and the settings by which its services find the same. */
export async function homeIdentity(
  dataDir: string,
  given: Environment,
): Promise<{ identity: NodeIdentity; secrets: NodeSecrets; env: Environment }> {
  const hasHsm = namesHsm(given);
  if (hasHsm) {
    const env = withSealedFile(given, dataDir);
    const settings = loadConfig(nodeKeyTable, env);
    const secrets = await nodeSecrets(dataDir, hasHsm);
    return { identity: await openNodeIdentity(settings), secrets, env };
  }
  const secrets = await nodeSecrets(dataDir, hasHsm);
  const env = { ...given, DCP_NODE_KEY: secrets.nodeKey, DCP_NODE_KEY_FILE: undefined };
  return { identity: await openNodeIdentity(secrets), secrets, env };
}
