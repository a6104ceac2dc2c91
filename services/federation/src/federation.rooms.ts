import { readFile } from 'node:fs/promises';
import { randomId } from '@dcp/node-kit';
import type { KnownNode } from '@dcp/protocol';
import { DoctorService } from './admin/doctor.service.js';
import { PeerGauges } from './admin/peer-gauges.js';
import { PeersService } from './admin/peers.service.js';
import { AnswerService } from './asks/answer.service.js';
import { AskService } from './asks/ask.service.js';
import { PostedFrames } from './asks/posted-frames.js';
import { SeenFrameStore } from './asks/seen-frame.store.js';
import { StrangerRates } from './asks/stranger-rates.js';
import { mayGoPrivate } from './config.js';
import type { PrismaClient } from './database.js';
import { DiscoveryService } from './discovery/discovery.service.js';
import { Names } from './discovery/names.js';
import { Audience } from './feed/audience.js';
import { CursorStore } from './feed/cursor.store.js';
import { FeedService } from './feed/feed.service.js';
import { Orders } from './feed/orders.js';
import { RecentEntries } from './feed/recent-entries.js';
import { ReceiveService } from './feed/receive.service.js';
import { ReplicaStore } from './feed/replica.store.js';
import { Dialler } from './link/dialler.js';
import { httpDoor } from './link/http-door.js';
import { LeaseStore } from './link/lease.store.js';
import { Links } from './link/links.js';
import { Listener } from './link/listener.js';
import { federationMetrics } from './metrics.js';
import { spkiHash, type TlsIdentity } from './node/certificate.js';
import { NodeKey } from './node/node-key.js';
import { OwnDocument } from './node/own-document.js';
import { TlsIdentityStore } from './node/tls-identity.store.js';
import type { Parts } from './parts.js';
import { PeerStore } from './peers/peer.store.js';
import { PinningService } from './peers/pinning.service.js';
import { ChannelHomes } from './signals/channel-homes.js';
import { PresenceRoom } from './signals/presence.room.js';
import { TypingRelay } from './signals/typing-relay.js';
import { Sweeper } from './sweeper.js';
import { TrustLevels } from './trust/trust-levels.js';

/** Who is given what. */
export class FederationRooms {
  readonly instance = randomId(12);
  readonly key: NodeKey;
  readonly document: OwnDocument;
  readonly trust: TrustLevels;
  readonly peers: PeerStore;
  readonly discovery: DiscoveryService;
  readonly names: Names;
  readonly links: Links;
  readonly asks: AskService;
  readonly answers: AnswerService;
  readonly feed: FeedService;
  readonly typing: TypingRelay;
  readonly presence: PresenceRoom;
  readonly gauges: PeerGauges;
  readonly admin: PeersService;
  readonly doctor: DoctorService;
  readonly sweeper: Sweeper;
  readonly #seen: SeenFrameStore;
  readonly #pinning: PinningService;
  #listener: Listener | undefined;
  #port = 0;
  #spki: string[] = [];

  constructor(
    private readonly parts: Parts,
    readonly prisma: PrismaClient,
    known: ReadonlyMap<string, KnownNode>,
  ) {
    const { config, bus, pool, logger, clock } = parts;
    const metrics = federationMetrics(parts.metrics);
    this.key = new NodeKey(config, parts.identity);
    this.document = new OwnDocument(bus, this.key, clock, () => this.doorplate());
    this.trust = new TrustLevels(bus, logger);
    this.peers = new PeerStore(prisma);
    this.#seen = new SeenFrameStore(pool);
    this.#pinning = new PinningService(this.peers, clock, metrics, logger, config.maxPeers, (node) =>
      this.trust.isRated(node),
    );
    this.names = new Names(config.dnsServers, mayGoPrivate(config));
    this.discovery = new DiscoveryService(this.key.nodeId, this.#pinning, this.peers, this.names, known, logger);
    const rates = new StrangerRates(config.unknownAsksAMinute);
    const replicas = new ReplicaStore(prisma, pool);
    const received = new ReceiveService({ replicas, clock, logger, metrics });
    const entries = received.receive.bind(received);
    this.answers = new AnswerService(this.trust, rates, bus, metrics, logger, { entries });
    const answer = this.answers.answer.bind(this.answers);
    const { key, discovery, peers, trust } = this;
    const leases = new LeaseStore(pool, this.instance, config.leaseMs);
    this.links = new Links({
      link: { ...config, key, logger, metrics, answer, signal: (peer, frame) => this.#signal(peer, frame) },
      leases,
      dialler: new Dialler(this.#handshake(), this.names),
      ...{ discovery, peers, trust, bus, logger, metrics },
      always: [...known.keys()].filter((id) => id !== key.nodeId),
      ...{ maxLinks: config.maxLinks, leaseMs: config.leaseMs, retryMs: config.retryMs },
    });
    this.asks = new AskService(key.nodeId, this.links, this.trust, bus, metrics);
    const audience = new Audience(bus);
    this.feed = new FeedService({
      ...{ bus, trust, logger, metrics },
      orders: new Orders(key),
      recent: new RecentEntries(),
      audience,
      cursors: new CursorStore(pool),
      links: this.links,
      ...{ retryMs: config.retryMs, scanMs: config.scanMs },
    });
    const { document, names, links, feed } = this;
    const signals = { own: key.nodeId, bus, links, audience, homes: new ChannelHomes(replicas), metrics, logger };
    this.typing = new TypingRelay(signals);
    this.presence = new PresenceRoom({ ...signals, trust, replicas, leases, config });
    this.gauges = new PeerGauges(parts.metrics, links, feed, trust);
    this.admin = new PeersService(peers, links, feed, trust);
    this.doctor = new DoctorService({ document, discovery, peers, names, links, clock });
    this.sweeper = new Sweeper({ seen: this.#seen, peers: this.peers, clock, logger });
  }

  /** What the own document says of the way in. */
  doorplate() {
    const { url, host } = this.parts.config;
    const binding = this.#isBehindEdge ? ('spki' as const) : ('exporter' as const);
    return { url, host, port: this.#port, binding, spki: this.#spki };
  }

  /** The port for other nodes. */
  async openListener(tls: TlsIdentity): Promise<void> {
    const { config, logger, metrics } = this.parts;
    this.#spki = await this.#certificatesMet(tls);
    this.#listener = new Listener(
      {
        handshake: this.#handshake(),
        maxLinks: config.maxLinks,
        isBehindEdge: this.#isBehindEdge,
        logger,
        metrics: federationMetrics(metrics),
        mayCome: (nodeId) => this.links.mayCome(nodeId),
        admit: (peer) => this.links.admit(peer),
        adopt: (connection, proven) => this.links.adopt(connection, proven),
        http: httpDoor({ logger, document: () => this.document.get(), frame: this.#frames() }),
      },
      tls,
    );
    this.#port = await this.#listener.open(config.host, config.port);
  }

  get #isBehindEdge(): boolean {
    return this.parts.config.edgeCertFiles.length > 0;
  }

  async #certificatesMet(own: TlsIdentity): Promise<string[]> {
    if (!this.#isBehindEdge) return [spkiHash(own.certificate)];
    const edge = await Promise.all(this.parts.config.edgeCertFiles.map((file) => readFile(file, 'utf8')));
    return edge.map(spkiHash);
  }

  start(): void {
    this.trust.onChange = (changed) => {
      this.links.levelChanged(changed);
      this.presence.levelChanged(changed);
    };
    this.trust.start();
    this.feed.start();
    this.typing.start();
    this.presence.start();
    this.gauges.start();
    this.links.start();
    this.sweeper.start(this.parts.config.sweepMs);
  }

  async stop(): Promise<void> {
    this.trust.stop();
    this.typing.stop();
    await this.presence.stop();
    this.gauges.stop();
    await this.sweeper.stop();
    await this.feed.stop();
    await this.links.stop();
    await this.#listener?.close();
  }

  ownTls(): Promise<TlsIdentity> {
    return new TlsIdentityStore(this.prisma, this.key).own(this.parts.clock.now());
  }

  #signal(peer: string, frame: unknown): Promise<void> {
    const { type } = frame as { type?: unknown };
    return type === 'presence' ? this.presence.heard(peer, frame) : this.typing.heard(peer, frame);
  }

  #handshake() {
    return { key: this.key, document: this.document, pinning: this.#pinning, clock: this.parts.clock };
  }

  #frames(): (value: unknown) => Promise<object> {
    const frames = new PostedFrames({
      own: this.key.nodeId,
      peers: this.peers,
      pinning: this.#pinning,
      seen: this.#seen,
      clock: this.parts.clock,
      mayCome: (nodeId) => this.links.mayCome(nodeId),
      answer: (nodeId, question) => this.answers.answer(nodeId, question),
    });
    return (value) => frames.take(value);
  }
}
