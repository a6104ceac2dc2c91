import { createPrisma, type PrismaClient } from './database.js';
import { Announcer } from './decisions/announcer.js';
import { DecisionReader } from './decisions/decision.reader.js';
import { DecisionService } from './decisions/decision.service.js';
import { DecisionStore } from './decisions/decision.store.js';
import { OverrideService } from './decisions/override.service.js';
import { StandingStore } from './decisions/standing.store.js';
import { LevelService } from './levels/level.service.js';
import { LevelStore } from './levels/level.store.js';
import { BlockListService } from './lists/block-list.service.js';
import { LogReader } from './log/log.reader.js';
import { LogStore } from './log/log.store.js';
import { OwnLogService } from './log/own-log.service.js';
import { trustMetrics } from './metrics.js';
import { NodeKey } from './node/node-key.js';
import type { Parts } from './parts.js';
import { PeerQuestionService } from './peers/peer-question.service.js';
import { RefollowService } from './peers/refollow.service.js';
import { SpreadService } from './peers/spread.service.js';
import { SyncService } from './peers/sync.service.js';
import { AuthorKeys } from './reports/author-keys.js';
import { ChannelLog } from './reports/channel-log.js';
import { ProofVerifier } from './reports/message-proof.js';
import { ProofJudge } from './reports/proof-judge.js';
import { ReportService } from './reports/report.service.js';
import { ReportStore } from './reports/report.store.js';
import { Sweeper } from './sweeper.js';

/** Who is given what. */
export class TrustChainRooms {
  readonly prisma: PrismaClient;
  readonly levels: LevelService;
  readonly decisions: DecisionService;
  readonly reports: ReportService;
  readonly overrides: OverrideService;
  readonly lists: BlockListService;
  readonly log: LogReader;
  readonly standings: StandingStore;
  readonly peers: PeerQuestionService;
  readonly refollow: RefollowService;
  readonly sync: SyncService;
  readonly spread: SpreadService;
  readonly sweeper: Sweeper;

  constructor({ config, bus, pool, logger, metrics: registry, clock, identity }: Parts) {
    const { maxLogEntries, syncMs: everyMs } = config;
    const metrics = trustMetrics(registry);
    const key = new NodeKey(config, identity);
    const ownNode = key.nodeId;
    this.prisma = createPrisma(pool);
    const [logs, levels, decisions] = [new LogStore(pool), new LevelStore(pool), new DecisionStore(pool)];
    this.standings = new StandingStore(pool);
    const announcer = new Announcer(this.standings, bus, clock, logger);
    const ownLog = new OwnLogService({ pool, logs, decisions, levels, key, clock, maxLogEntries });
    const shared = { pool, bus, logs, levels, decisions, announcer, clock, logger, metrics, ownNode };
    this.spread = new SpreadService(bus, ownLog, levels, logger);
    this.sync = new SyncService({ ...shared, everyMs, maxLogEntries });
    this.refollow = new RefollowService({ ...shared, sync: this.sync });
    this.levels = new LevelService({ ...shared, standings: this.standings });
    const reader = new DecisionReader(this.prisma, clock);
    const spread = () => this.spread.spread();
    const [proofs, reports] = [new ProofVerifier(new AuthorKeys(bus, key)), new ReportStore(pool)];
    this.reports = new ReportService({ reports, channels: new ChannelLog(bus), proofs, clock, metrics });
    const { reports: cited } = this;
    this.decisions = new DecisionService({
      ownLog,
      decisions,
      reader,
      reports: cited,
      announcer,
      clock,
      ownNode,
      spread,
    });
    this.overrides = new OverrideService(this.prisma, announcer, clock);
    this.lists = new BlockListService({ pool, standings: this.standings, decisions: this.decisions, clock, ownNode });
    this.log = new LogReader(this.prisma, ownLog, ownNode);
    this.peers = new PeerQuestionService({ bus, ownLog, sync: this.sync, levels, decisions, clock, metrics });
    const judge = new ProofJudge(pool, proofs, clock, logger);
    this.sweeper = new Sweeper({ decisions, announcer, reports, judge, clock, logger });
  }
}
