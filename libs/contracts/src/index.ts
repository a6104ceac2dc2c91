export * from './auth.js';
export * from './channel.js';
export * from './define.js';
export * from './gateway.js';
export * from './keys.js';
export * from './permissions.js';
export * from './subjects.js';
