export { readConfig, type HomeNodeConfig } from './config.js';
export { startHomeNode, type HomeNode, type HomeNodeOptions } from './home-node.js';
