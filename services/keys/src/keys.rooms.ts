import { BackupService } from './backup/backup.service.js';
import { BackupStore } from './backup/backup.store.js';
import { createPrisma, type PrismaClient } from './database.js';
import { ForgetService } from './forget/forget.service.js';
import { ForgetStore } from './forget/forget.store.js';
import { keysMetrics } from './metrics.js';
import type { Parts } from './parts.js';
import { ClaimStore } from './prekeys/claim.store.js';
import { PrekeyService } from './prekeys/prekey.service.js';
import { PrekeyStore } from './prekeys/prekey.store.js';
import { QueueService } from './queue/queue.service.js';
import { RouteService } from './queue/route.service.js';
import { QueueStore } from './queue/queue.store.js';
import { OtherNodes } from './remote/other-nodes.js';
import { OutgoingStore } from './remote/outgoing.store.js';
import { Relay } from './remote/relay.js';
import { RemoteKeysService } from './remote/remote-keys.service.js';
import { Sweeper } from './sweeper.js';

/** Who is given what. */
export class KeysRooms {
  readonly prisma: PrismaClient;
  readonly prekeys: PrekeyService;
  readonly queue: QueueService;
  readonly route: RouteService;
  readonly backup: BackupService;
  readonly forget: ForgetService;
  readonly relay: Relay;
  readonly sweeper: Sweeper;

  constructor({ config, bus, pool, logger, metrics: registry, clock }: Parts) {
    const metrics = keysMetrics(registry);
    const { claimsAnHour, queueDays } = config;
    this.prisma = createPrisma(pool);
    const [prekeys, claims] = [new PrekeyStore(pool), new ClaimStore(pool)];
    const nodes = new OtherNodes(bus);
    const outgoing = new OutgoingStore(pool, { items: config.maxOutgoingItems, bytes: config.maxOutgoingBytes });
    const remote = new RemoteKeysService(nodes, outgoing, clock);
    this.relay = new Relay(outgoing, nodes, clock, logger);
    this.prekeys = new PrekeyService({ prekeys, claims, bus, clock, metrics, remote, claimsAnHour });
    const queueLimits = { items: config.maxQueueItems, bytes: config.maxQueueBytes };
    const queues = new QueueStore(pool);
    this.queue = new QueueService(queues, bus, clock, queueLimits, remote);
    this.route = new RouteService(pool, queues, bus, clock, queueLimits);
    const backupLimits = { records: config.maxBackupRecords, bytes: config.maxBackupBytes };
    this.backup = new BackupService(new BackupStore(pool, backupLimits), clock);
    this.forget = new ForgetService(new ForgetStore(pool), clock, logger);
    this.sweeper = new Sweeper({
      pool,
      prisma: this.prisma,
      forget: this.forget,
      outgoing,
      clock,
      logger,
      metrics,
      queueDays,
    });
  }
}
