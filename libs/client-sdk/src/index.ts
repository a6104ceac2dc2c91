export { ready } from '@dcp/crypto';
export {
  rejoinChannels,
  signMove,
  type AccountMove,
  type LeftBehind,
  type MovedAccount,
  type Rejoined,
} from './account-move.js';
export { DcpClient } from './client.js';
export type { ChannelSummary, ClientOptions, HistoryPage, MyChannel } from './client-types.js';
export { type CertifiedDevice } from './e2ee/device-log.js';
export { type DecryptFault } from './e2ee/decrypt-fault.js';
export { type ReadMessage } from './e2ee/message-reader.js';
export { type InviteLink } from './e2ee/state-changes.js';
export { type DcpLink, formatLink, isLink, parseLink } from './links.js';
export { People } from './people.js';
export { ChannelHomes, type ChannelHome, type ReplaceOptions } from './channel-homes.js';
export { type HomeSurvey, type KeptBy } from './home-survey.js';
export { signMandate } from './mandates.js';
export { parseProposal, type Proposal } from './proposals.js';
export { signHandover } from './sign-handover.js';
export { type ReportReason, type ReportReceipt } from './report.js';
export { Rooms, type Joined, type OpenInvitation } from './rooms.js';
export { composeMessage, newMessageId, signPlain, writeMessage, type Draft } from './channels/compose.js';
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
export { type FollowedUser } from './follow-moves.js';
export { identityCode, readIdentity } from './identity/identity-code.js';
export { fetchIdentityFile, type RetrievalOptions } from './identity/retrieval.js';
export {
  MAX_OUTBOX,
  Outbox,
  type Outcome,
  type OutboxEntry,
  type OutboxHandlers,
  type OutgoingMessage,
} from './outbox/outbox.js';
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
export { SealedStorage } from './storage/sealed-storage.js';
export { MemoryStorage, type Changes, type Storage } from './storage/storage.js';
export { backoffDelay, type BackoffSettings } from './transport/backoff.js';
export { HttpApi } from './transport/http.js';
export { SocketLink, type LinkHandlers } from './transport/socket-link.js';
