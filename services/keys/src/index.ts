export { startKeys, type RunningKeys } from './keys.module.js';
export { type KeysConfig, keysConfigTable, type KeysEnvironment } from './config.js';
export type { Parts as KeysParts } from './parts.js';
