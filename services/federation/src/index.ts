export { startFederation, type RunningFederation } from './federation.module.js';
export { type FederationConfig, federationConfigTable, type FederationEnvironment } from './config.js';
export type { Parts as FederationParts } from './parts.js';
