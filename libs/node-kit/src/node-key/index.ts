export { type HsmPlace, type HsmSettings, hsmPlace, importHsmKey, makeHsmKey, openToken } from './hsm/hsm-place.js';
export { HsmError } from './hsm/hsm-error.js';
export { HsmSigner } from './hsm/hsm-signer.js';
export type { HsmToken } from './hsm/hsm-token.js';
export {
  namesHsm,
  type NodeKeyConfig,
  nodeKeyMembers,
  nodeKeyNames,
  nodeKeySecrets,
  nodeKeyTable,
  withNodeKey,
} from './node-key-config.js';
export { type NodeIdentity, openNodeIdentity, seedIdentity } from './node-identity.js';
export { sealRoot, unsealRoot } from './sealed-root.js';
