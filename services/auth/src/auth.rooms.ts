import type { Parts } from './parts.js';
import { AccountService } from './accounts/account.service.js';
import { AccountStore } from './accounts/account.store.js';
import { AdminService } from './accounts/admin.service.js';
import { InviteService } from './accounts/invite.service.js';
import { ProofOfWork } from './accounts/proof-of-work.js';
import { RegistrationService } from './accounts/registration.service.js';
import { UsedStore } from './challenges/used.store.js';
import { createPrisma, type PrismaClient } from './database.js';
import { DeviceLogService } from './devices/device-log.service.js';
import { DeviceStore } from './devices/device.store.js';
import { authMetrics } from './metrics.js';
import { MoveService } from './moves/move.service.js';
import { MoveStore } from './moves/move.store.js';
import { readFormerKeys } from './node/former-keys.js';
import { NodeKey } from './node/node-key.js';
import { NodeService } from './node/node.service.js';
import { RemoteLogStore } from './remote/remote-log.store.js';
import { RemoteUsersService } from './remote/remote-users.service.js';
import { RetrievalService } from './retrieval/retrieval.service.js';
import { RetrievalStore } from './retrieval/retrieval.store.js';
import { BruteForceWatch } from './sessions/brute-force-watch.js';
import { LoginService } from './sessions/login.service.js';
import { SessionService } from './sessions/session.service.js';
import { SessionStore } from './sessions/session.store.js';
import { Sweeper } from './sweeper.js';
import { TokenSigner } from './tokens/token-signer.js';

/** Who is given what: the order of these lines is the order of dependence. */
export class AuthRooms {
  readonly prisma: PrismaClient;
  readonly key: NodeKey;
  readonly accounts: AccountStore;
  readonly node: NodeService;
  readonly invites: InviteService;
  readonly sessions: SessionService;
  readonly login: LoginService;
  readonly registration: RegistrationService;
  readonly account: AccountService;
  readonly moves: MoveService;
  readonly admin: AdminService;
  readonly devices: DeviceLogService;
  readonly remote: RemoteUsersService;
  readonly retrieval: RetrievalService;
  readonly sweeper: Sweeper;

  constructor({ config, bus, pool, logger, metrics: registry, clock, identity }: Parts) {
    const metrics = authMetrics(registry);
    this.prisma = createPrisma(pool);
    this.key = new NodeKey(config, identity);
    const { key } = this;
    const used = new UsedStore(pool);
    const work = new ProofOfWork(config.proofOfWorkBits, key, used, clock);
    const store = new SessionStore(this.prisma, pool);
    const former = readFormerKeys(config.nodeRotationsFile, key.nodeId, key.publicKey);
    this.node = new NodeService(config, key, work, clock, former);
    this.accounts = new AccountStore(this.prisma, pool, store, clock);
    const { accounts } = this;
    const deviceStore = new DeviceStore(this.prisma, pool);
    const signer = new TokenSigner(key, former.tokenKeys);
    this.sessions = new SessionService({ config, nodeId: key.nodeId, store, signer, node: this.node, bus, clock });
    const watch = new BruteForceWatch(clock, logger);
    const { sessions } = this;
    this.login = new LoginService({
      config,
      key,
      accounts,
      devices: deviceStore,
      sessions,
      clock,
      metrics,
      watch,
    });
    this.registration = new RegistrationService({ config, key, accounts, work, clock, metrics });
    const remoteLogs = new RemoteLogStore(pool);
    this.remote = new RemoteUsersService({ nodeId: key.nodeId, store: remoteLogs, bus, clock, logger });
    const moves = new MoveStore(pool);
    this.account = new AccountService(accounts, sessions, moves, key, bus);
    this.moves = new MoveService({ accounts, devices: deviceStore, moves, bus, clock });
    this.invites = new InviteService(this.prisma, key, clock);
    this.admin = new AdminService(accounts, sessions, this.invites);
    this.devices = new DeviceLogService(deviceStore, accounts, sessions, this.remote, bus, clock);
    this.retrieval = new RetrievalService(accounts, new RetrievalStore(pool), key, clock);
    this.sweeper = new Sweeper({ pool, accounts, remoteLogs, service: this.account, clock, logger, metrics });
  }
}
