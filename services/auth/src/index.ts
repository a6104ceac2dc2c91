export { startAuth, type RunningAuth } from './auth.module.js';
export { type AuthConfig, authConfigTable, type AuthEnvironment } from './config.js';
export type { Parts as AuthParts } from './parts.js';
