import { CHANNEL, type ChannelHome } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { handOverBody, parseWith, viewerName } from '@dcp/protocol';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { ChannelDirectory } from '../posts/channel-directory.js';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

/** Three nodes have to do with it. */
const HAND_OVER_COST = 20;
/** Two of them are asked, one after the other, and the new home may have to fetch what it lacks. */
const HAND_OVER_MS = 40_000;

/** Where a channel has its home, and how its owner moves it (profile §6). */
@Controller('api/v1/channels')
export class ChannelHomeController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
    private readonly directory: ChannelDirectory,
  ) {}

  @Get(':channel/home')
  async home(@Req() request: FastifyRequest, @Param('channel') channel: string): Promise<object> {
    const { user_id } = this.context.session(request);
    const { channel_id } = await this.directory.resolve(channel, user_id);
    return shown(await this.bus.request(CHANNEL.home, { user_id, channel_id }), user_id);
  }

  /** Other nodes are asked. */
  @Get(':channel/home/survey')
  async survey(@Req() request: FastifyRequest, @Param('channel') channel: string): Promise<object> {
    const { user_id } = this.context.session(request, HAND_OVER_COST);
    const { channel_id } = await this.directory.resolve(channel, user_id);
    const asked = { user_id, channel_id };
    const { name, ...survey } = await this.bus.request(CHANNEL.homeSurvey, asked, { timeoutMs: HAND_OVER_MS });
    return { channel: viewerName(name, user_id), ...survey };
  }

  @Post(':channel/home')
  @HttpCode(200)
  async handOver(
    @Req() request: FastifyRequest,
    @Param('channel') channel: string,
    @Body() body: unknown,
  ): Promise<object> {
    const session = this.context.writer(request, HAND_OVER_COST);
    const { handover } = parseWith(handOverBody, body);
    const { channel_id } = await this.directory.resolve(channel, session.user_id);
    const asked = { session, channel_id, handover };
    return shown(await this.bus.request(CHANNEL.handOver, asked, { timeoutMs: HAND_OVER_MS }), session.user_id);
  }
}

function shown({ name, ...home }: ChannelHome, userId: string): object {
  return { channel: viewerName(name, userId), ...home };
}
