import { AUTH, CHANNEL, type ChannelInfo, type PostResult, type Session } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import {
  checkNewChannelName,
  createChannel,
  DcpError,
  DEFAULT_PAGE,
  historyQuery,
  parseWith,
  updateChannel,
} from '@dcp/protocol';
import { Body, Controller, Get, HttpCode, Inject, Param, Patch, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
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
    const session = this.context.session(request, 10);
    const { channel, encryption, name, description, genesis, signature } = parseWith(createChannel, body);
    checkNewChannelName(channel);
    const wish = { session, name: channel, encryption, title: name, description, genesis, signature };
    const { channel_id, name: created, seq } = await this.bus.request(CHANNEL.create, wish);
    return { channel: created, channel_id, seq };
  }

  @Get(':channel')
  async one(@Req() request: FastifyRequest, @Param('channel') reference: string): Promise<object> {
    this.context.session(request);
    const { channel_id } = await this.directory.resolve(reference);
    return summary(await this.bus.request(CHANNEL.resolve, { name: channel_id }));
  }

  @Patch(':channel')
  async update(
    @Req() request: FastifyRequest,
    @Param('channel') channel: string,
    @Body() body: object,
  ): Promise<object> {
    const session = this.context.session(request, 5);
    const { name: title, description } = parseWith(updateChannel, { ...body, channel });
    const { channel_id } = await this.directory.resolve(channel);
    const { name, seq, changed } = await this.bus.request(CHANNEL.update, { session, channel_id, title, description });
    return { channel: name, channel_id, seq, changed };
  }

  @Post(':channel/join')
  @HttpCode(200)
  async join(@Req() request: FastifyRequest, @Param('channel') channel: string): Promise<object> {
    return await this.change(request, channel, CHANNEL.join);
  }

  @Post(':channel/leave')
  @HttpCode(200)
  async leave(@Req() request: FastifyRequest, @Param('channel') channel: string): Promise<object> {
    return await this.change(request, channel, CHANNEL.leave);
  }

  private async change(
    request: FastifyRequest,
    channel: string,
    rpc: typeof CHANNEL.join | typeof CHANNEL.leave,
  ): Promise<object> {
    const session = this.context.session(request, 2);
    const { channel_id } = await this.directory.resolve(channel);
    const { name, seq, changed } = await this.bus.request(rpc, { session, channel_id });
    return { channel: name, channel_id, seq, changed };
  }

  @Get(':channel/members')
  async members(
    @Req() request: FastifyRequest,
    @Param('channel') channel: string,
    @Query() query: unknown,
  ): Promise<object> {
    const { user_id } = this.context.session(request, 2);
    const { after, limit = 100 } = parseWith(membersQuery, query);
    const { channel_id } = await this.directory.resolve(channel);
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
    const { channel_id } = await this.directory.resolve(channel);
    const page = await this.bus.request(CHANNEL.history, { channel_id, user_id, before, limit });
    return {
      messages: visibleMessages(page.entries, page.name, await this.blockedBy(user_id)),
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
    const { channel_id } = await this.directory.resolve(channel);
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
  const { channel_id, description, member_count, last_activity, encryption } = channel;
  return { id: channel.name, channel_id, name: channel.title, description, member_count, last_activity, encryption };
}
