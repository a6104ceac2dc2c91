export { endpointOf } from './endpoint.js';
export { deleteDatabase } from './idb.js';
export { databaseName, IndexedDbStorage, type IndexedDbOptions } from './indexed-db-storage.js';
export { type Wire } from './rpc.js';
export { WorkerClient, type ClientWorker } from './worker-client.js';
export { WorkerHost } from './worker-host.js';
export {
  type AccountMethods,
  type ClientMethods,
  type ClientStatus,
  type ExistingAccount,
  type NewAccount,
  type ProfileState,
  type RemotePeople,
  type RemoteRooms,
} from './worker-methods.js';
