import { Inject, Injectable } from '@nestjs/common';
import type { Responder } from './answering.js';
import { ChannelResponder } from './channels/channel.responder.js';
import { ChannelStore } from './channels/channel.store.js';
import { CreateChannelService } from './channels/create-channel.service.js';
import { UpdateChannelService } from './channels/update-channel.service.js';
import { createPrisma, type PrismaClient } from './database.js';
import { DmRequests } from './dms/dm-requests.store.js';
import { OpenDmService } from './dms/open-dm.service.js';
import { ForgetResponder } from './forget/forget.responder.js';
import { ForgetService } from './forget/forget.service.js';
import { ForgetStore } from './forget/forget.store.js';
import { FollowService } from './handover/follow.service.js';
import { GiveService } from './handover/give.service.js';
import { HandoverChecks } from './handover/handover-checks.js';
import { HandoverResponder } from './handover/handover.responder.js';
import { HomeSurveys } from './handover/home-surveys.service.js';
import { LostHome } from './handover/lost-home.service.js';
import { NewHome } from './handover/new-home.service.js';
import { HandoverTeller } from './handover/teller.js';
import { HistoryResponder } from './history/history.responder.js';
import { HistoryService } from './history/history.service.js';
import { HistoryStore } from './history/history.store.js';
import { memberLimits } from './limits.js';
import { GroupCommit } from './log/group-commit.js';
import { logMetrics } from './log/log-metrics.js';
import { PostResponder } from './log/post.responder.js';
import { PostService } from './log/post.service.js';
import { Publisher } from './log/publisher.js';
import { Authorities } from './members/authority.js';
import { DeviceNews } from './members/device-news.js';
import { MembershipEvents } from './members/membership-events.js';
import { MembershipResponder } from './members/membership.responder.js';
import { MembershipService } from './members/membership.service.js';
import { MembershipStore } from './members/membership.store.js';
import { NodeKey } from './node/node-key.js';
import { NodeMessages } from './node/node-message.js';
import { NoticeStore } from './outgoing/notice.store.js';
import { OutgoingNodeStore } from './outgoing/outgoing-node.store.js';
import { OutgoingSender } from './outgoing/outgoing-sender.js';
import { OutgoingStore } from './outgoing/outgoing.store.js';
import { RefusedStore } from './outgoing/refused.store.js';
import { RemotePosts } from './outgoing/remote-posts.js';
import { PARTS, type Parts } from './parts.js';
import { AudienceStore } from './peers/audience.store.js';
import { AuthorKeys } from './peers/author-keys.js';
import { BannedGuests } from './peers/banned-guests.js';
import { PeerChanges } from './peers/peer-changes.service.js';
import { PeerReads } from './peers/peer-reads.service.js';
import { PeerResponder } from './peers/peer.responder.js';
import { Asks } from './replicas/asks.js';
import { HomeDirectory } from './replicas/home-directory.js';
import { ChainFiller } from './replicas/chain-filler.js';
import { ChainGapStore } from './replicas/chain-gap.store.js';
import { RemoteChannels } from './replicas/remote-channels.js';
import { ReplicaService } from './replicas/replica.service.js';
import { ChainService } from './state/chain.service.js';
import { ChainStore } from './state/chain.store.js';
import { StateResponder } from './state/state.responder.js';
import { StateService } from './state/state.service.js';

/** Who is given what. Plain construction in one place: the order of these lines is the order of dependence. */
@Injectable()
export class ChannelRooms {
  readonly key: NodeKey;
  readonly prisma: PrismaClient;
  readonly publisher: Publisher;
  readonly commits: GroupCommit;
  readonly responders: Responder[];
  readonly deviceNews: DeviceNews;
  readonly sender: OutgoingSender;
  readonly filler: ChainFiller;
  readonly authorKeys: AuthorKeys;
  readonly homes: HomeDirectory;
  readonly channels: ChannelStore;
  readonly banned: BannedGuests;

  constructor(@Inject(PARTS) { config, bus, pool, logger, metrics: registry, clock, identity }: Parts) {
    const metrics = logMetrics(registry);
    const limits = memberLimits(config);
    this.key = new NodeKey(config, identity);
    this.prisma = createPrisma(pool);
    const node = new NodeMessages(this.key, clock);
    const events = new MembershipEvents(bus);
    const publisher = new Publisher({ bus, pool, clock, logger, metrics });
    const onCommitted = publisher.publish.bind(publisher);
    const commits = new GroupCommit({
      pool,
      limits,
      nodeId: this.key.nodeId,
      logger,
      metrics,
      now: () => clock.now(),
      onCommitted,
    });
    this.publisher = publisher;
    this.commits = commits;

    const verifySignatures = config.unsafeSkipSignatures === undefined;
    if (!verifySignatures) logger.warn('signatures are NOT checked: for benchmarks only');
    const authorities = new Authorities(pool, metrics);
    const { nodeId } = this.key;
    const asks = new Asks(bus);
    const homes = new HomeDirectory(pool, clock);
    const audience = new AudienceStore(pool, nodeId);
    const outgoing = new OutgoingStore(pool, nodeId);
    const refused = new RefusedStore(pool);
    const sender = new OutgoingSender({
      asks,
      bus,
      nodes: new OutgoingNodeStore(pool),
      posts: outgoing,
      refused,
      notices: new NoticeStore(pool),
      homes,
      audience,
      metrics,
      pool,
      clock,
      logger,
      nodeId,
    });
    this.sender = sender;
    this.homes = homes;
    this.authorKeys = new AuthorKeys(bus);
    const checks = new HandoverChecks({ bus, keys: this.authorKeys, pool });
    const moving = { pool, bus, asks, checks, sender, events, limits, metrics, clock, logger, nodeId };
    const follow = new FollowService(moving);
    const replicas = new ReplicaService({
      pool,
      limits,
      nodeId,
      bus,
      asks,
      homes,
      checks,
      follow,
      outgoing,
      publisher,
      metrics,
      events,
      clock,
      logger,
    });
    this.filler = new ChainFiller({ store: new ChainGapStore(pool, nodeId), asks, clock, logger, nodeId });
    const remotePosts = new RemotePosts({ asks, store: outgoing, sender, clock });
    const posts = new PostService({
      authorities,
      commits,
      pool,
      node,
      clock,
      logger,
      metrics,
      verifySignatures,
      nodeId,
      remote: remotePosts,
    });

    const channels = new ChannelStore(this.prisma);
    this.channels = channels;
    const members = new MembershipStore(this.prisma, pool);
    const forget = new ForgetStore(pool, nodeId);
    const remote = new RemoteChannels({
      asks,
      homes,
      replicas,
      checks,
      follow,
      channels,
      members,
      forget,
      events,
      limits,
      clock,
      logger,
      nodeId,
      verifySignatures,
    });
    const membership = new MembershipService({ channels, members, events, commits, node });
    const creation = new CreateChannelService({
      channels,
      members,
      events,
      commits,
      key: this.key,
      node,
      clock,
      limits,
      verifySignatures,
    });
    const states = new StateService({ channels, commits, pool, events, clock, verifySignatures });
    const chains = new ChainService(new ChainStore(pool), clock);
    const requests = new DmRequests(pool, homes);
    const dms = new OpenDmService({
      channels,
      members,
      commits,
      events,
      clock,
      limits,
      nodeId,
      asks,
      replicas,
      requests,
    });
    this.banned = new BannedGuests({ bus, clock, logger, nodeId });
    this.deviceNews = new DeviceNews(bus, members, logger);
    const settings = new UpdateChannelService({ channels, membership, commits, node, pool, checks });
    const history = new HistoryService({ history: new HistoryStore(pool), members, asks, nodeId });
    const reads = new PeerReads({ channels, members, chains, history, audience, pool });
    const changes = new PeerChanges({
      bus,
      keys: this.authorKeys,
      banned: this.banned,
      posts,
      membership,
      states,
      dms,
      channels,
      forget,
      events,
      homes,
      settings,
      requests,
      clock,
      pool,
      nodeId,
    });
    const lost = new LostHome({ ...moving, follow, publisher });
    const surveys = new HomeSurveys({ ...moving, follow, members });
    const give = new GiveService({ ...moving, follow, lost, key: this.key, members, audience });
    const newHome = new NewHome({ ...moving, follow, replicas });
    const handovers = new HandoverTeller({ ...moving, follow });
    // Posts of this node's own users, as if another node had relayed them: each with the key of its author's device.
    const self = { node_id: nodeId, trust: 'trusted' } as const;
    sender.attach({ handovers, orderHere: async (kept) => (await changes.post(self, { posts: kept })).results });

    this.responders = [
      new PostResponder(posts),
      new ChannelResponder(channels, creation, settings, remote, nodeId),
      new MembershipResponder(membership, remote, refused),
      new StateResponder(states, chains, dms, remote, homes),
      new HistoryResponder(history),
      new ForgetResponder(new ForgetService(forget, events, remote, outgoing)),
      new HandoverResponder(give, newHome, follow, lost, surveys),
      new PeerResponder({ reads, changes, replicas, audience, sender, clock }),
    ];
  }
}
