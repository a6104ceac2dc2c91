export { startTrustChain, type RunningTrustChain } from './trust-chain.module.js';
export { type TrustChainConfig, trustChainConfigTable, type TrustChainEnvironment } from './config.js';
export type { Parts as TrustChainParts } from './parts.js';
