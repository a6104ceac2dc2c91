export { ChannelModule, startChannel } from './channel.module.js';
export { type ChannelConfig, channelConfigTable, type ChannelEnvironment } from './config.js';
export { SCHEMA as channelSchema } from './database.js';
export { migrationsFolder as channelMigrations } from './migrations.js';
export type { Parts as ChannelParts } from './parts.js';
