export { gatewayConfig, type GatewayConfig } from './config.js';
export { startGateway, type RunningGateway } from './gateway.js';
export type { GatewayParts } from './parts.js';
