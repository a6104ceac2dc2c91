export { ready } from '@dcp/crypto';
export { DcpClient, type ChannelSummary, type ClientOptions, type HistoryPage } from './client.js';
export { composeMessage, newMessageId, type Draft } from './channels/compose.js';
export { EventHub, type ClientEvents, type ConnectionState } from './events.js';
export { resolveChannelAlias, resolveUserAlias } from './identity/aliases.js';
export {
  changePassphrase,
  changeProfile,
  createIdentity,
  openIdentity,
  verifyIdentityFile,
  type NewIdentity,
  type OpenIdentity,
} from './identity/identity-file.js';
export { MAX_OUTBOX, Outbox, type Outcome, type OutboxEntry, type OutboxHandlers } from './outbox/outbox.js';
export { addDevice, revokeDevice } from './session/add-device.js';
export { deviceEntryHash, restoreDevice, storeDevice, type Device, type StoredDevice } from './session/device.js';
export {
  describeNode,
  register,
  solve,
  type NodeDescription,
  type RegisterOptions,
  type Registration,
} from './session/registration.js';
export { SessionKeeper, type Credentials, type StoredSession } from './session/session-keeper.js';
export { MemoryStorage, type Storage } from './storage/storage.js';
export { backoffDelay, type BackoffSettings } from './transport/backoff.js';
export { HttpApi } from './transport/http.js';
export { SocketLink, type LinkHandlers } from './transport/socket-link.js';
