import { AUTH, CHANNEL, type ChannelInfo, type PostResult, type Session, type StateChange } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import {
  createChannel,
  DcpError,
  DEFAULT_PAGE,
  historyQuery,
  joinChannel,
  parseWith,
  updateChannel,
  viewerName,
} from '@dcp/protocol';
import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { changeAck } from '../channels/ack.js';
import { join, leave } from '../channels/change-channel.js';
import { openChannel } from '../channels/open-channel.js';
import type { RawEntry } from '../channels/state-entry.js';
import { visibleMessages } from '../commands/get-history.js';
import { ChannelDirectory } from '../posts/channel-directory.js';
import { PostBatcher } from '../posts/post-batcher.js';
import { BUS } from '../tokens.js';
import { LocalUsers } from '../users/local-users.js';
import { RestContext } from './rest-context.js';

const membersQuery = z.looseObject({
  after: z.string().max(72).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).optional(),
});

/** The signed entry that joins or leaves an `e2ee` channel; nothing for others. */
export const entryBody = joinChannel.pick({ entry: true });

/** Channels, their history and posts (§8.3, §9). */
@Controller('api/v1/channels')
export class ChannelsController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
    private readonly directory: ChannelDirectory,
    private readonly batcher: PostBatcher,
    private readonly users: LocalUsers,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest): Promise<object> {
    const { user_id } = this.context.session(request);
    const { channels } = await this.bus.request(CHANNEL.list, { user_id });
    return { channels: channels.map(summary) };
  }

  @Post()
  async create(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.writer(request, 10);
    const { bus, directory } = this;
    const created = await openChannel(session, parseWith(createChannel, body), { bus, directory });
    return changeAck(created, session.user_id);
  }

  @Get(':channel')
  async one(@Req() request: FastifyRequest, @Param('channel') reference: string): Promise<object> {
    const { user_id } = this.context.session(request);
    const { channel_id } = await this.directory.resolve(reference, user_id);
    const channel = await this.bus.request(CHANNEL.resolve, { name: channel_id });
    await this.checkMayKnow(channel, user_id);
    return { ...summary(channel), id: viewerName(channel.name, user_id) };
  }

  /** Whoever has the id of a hidden channel but is neither in it nor invited is told that there is none. */
  private async checkMayKnow({ visibility, channel_id }: ChannelInfo, user_id: string): Promise<void> {
    if (visibility === 'public') return;
    const { invitations } = await this.bus.request(CHANNEL.invitations, { user_id });
    if (invitations.some((invitation) => invitation.channel_id === channel_id)) return;
    await this.bus.request(CHANNEL.membership, { user_id, channel_id });
  }

  @Patch(':channel')
  async update(
    @Req() request: FastifyRequest,
    @Param('channel') channel: string,
    @Body() body: object,
  ): Promise<object> {
    const session = this.context.writer(request, 5);
    const { name: title, description, mandate } = parseWith(updateChannel, { ...body, channel });
    const { channel_id } = await this.directory.resolve(channel, session.user_id);
    const changed = await this.bus.request(CHANNEL.update, { session, channel_id, title, description, mandate });
    return changeAck(changed, session.user_id);
  }

  @Post(':channel/join')
  @HttpCode(200)
  async join(@Req() request: FastifyRequest, @Param('channel') channel: string, @Body() body: object): Promise<object> {
    return await this.change(this.context.writer(request, 2), channel, body, join);
  }

  @Post(':channel/leave')
  @HttpCode(200)
  async leave(
    @Req() request: FastifyRequest,
    @Param('channel') channel: string,
    @Body() body: object,
  ): Promise<object> {
    return await this.change(this.context.session(request, 2), channel, body, leave);
  }

  private async change(
    session: Session,
    channel: string,
    body: object | null,
    make: (session: Session, id: string, entry: RawEntry | undefined, bus: Bus) => Promise<StateChange>,
  ): Promise<object> {
    const { entry } = parseWith(entryBody, body ?? {});
    const { channel_id } = await this.directory.resolve(channel, session.user_id);
    return changeAck(await make(session, channel_id, entry, this.bus), session.user_id);
  }

  @Get(':channel/members')
  async members(
    @Req() request: FastifyRequest,
    @Param('channel') channel: string,
    @Query() query: unknown,
  ): Promise<object> {
    const { user_id } = this.context.session(request, 2);
    const { after, limit = 100 } = parseWith(membersQuery, query);
    const { channel_id } = await this.directory.resolve(channel, user_id);
    return await this.bus.request(CHANNEL.members, { user_id, channel_id, after, limit });
  }

  @Get(':channel/messages')
  async history(
    @Req() request: FastifyRequest,
    @Param('channel') channel: string,
    @Query() query: unknown,
  ): Promise<object> {
    const { user_id } = this.context.session(request, 3);
    const { limit = DEFAULT_PAGE, before } = parseWith(historyQuery, query);
    const { channel_id } = await this.directory.resolve(channel, user_id);
    const page = await this.bus.request(CHANNEL.history, { channel_id, user_id, before, limit });
    return {
      messages: visibleMessages(page.entries, viewerName(page.name, user_id), await this.blockedBy(user_id)),
      has_more: page.has_more,
      next_cursor: page.has_more ? (page.entries[0]?.id ?? null) : null,
    };
  }

  /** Known here for users with a socket; asked for otherwise. */
  private async blockedBy(user_id: string): Promise<Set<string> | null> {
    const local = this.users.get(user_id);
    if (local !== undefined) return local.blocked;
    const { blocked_users } = await this.bus.request(AUTH.settings, { user_id });
    return new Set(blocked_users);
  }

  @Post(':channel/messages')
  @HttpCode(201)
  async post(@Req() request: FastifyRequest, @Param('channel') channel: string, @Body() body: object): Promise<object> {
    const session: Session = this.context.session(request, 0);
    const bytes = Number(request.headers['content-length'] ?? 0);
    this.context.post(session, bytes);
    const { channel_id } = await this.directory.resolve(channel, session.user_id);
    // The path names the channel; the body may repeat it, and must where it is signed.
    const message = { channel, ...body };
    return answer(await this.batcher.post({ channel_id, session, message }, bytes));
  }
}

function answer(result: PostResult): object {
  if ('ok' in result) return result.ok;
  throw new DcpError(result.error.code, result.error.details, result.error.message);
}

function summary(channel: ChannelInfo): object {
  const { name: id, title: name, last_seq: _head, ...rest } = channel;
  return { id, name, ...rest };
}
