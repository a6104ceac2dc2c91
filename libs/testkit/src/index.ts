export { type BusFactory, busCompliance, type BusHouse } from './bus-compliance.js';
export { captureLogger, type CapturedLog } from './capture-logger.js';
export { type Cluster, type ClusterMember, type ClusterOptions, startCluster } from './cluster.js';
export { eventually } from './eventually.js';
export { type FakeClock, fakeClock } from './fake-clock.js';
export { freePort } from './free-port.js';
export { type NatsOptions, startNats, type TestNats } from './nats.js';
export { startPostgres, type TestPostgres } from './postgres.js';
export { type Exit, spawnService, type SpawnedService, type SpawnOptions } from './spawn-service.js';
