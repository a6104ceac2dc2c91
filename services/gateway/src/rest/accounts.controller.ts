import { AUTH, CHANNEL } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { moveBody, parseWith, registerBody, viewerName } from '@dcp/protocol';
import { Body, Controller, Delete, Get, HttpCode, Inject, Post, Put, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

export const accountBody = registerBody.pick({ identity_file: true, retrieval_hash: true });

/** Everybody who shares a channel is told: as dear as making a few channels. */
const MOVE_COST = 50;

/** Making, changing, moving and ending one's own account (profile §3). */
@Controller('api/v1/accounts')
export class AccountsController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Post()
  async register(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const origin = this.context.origin(request, 5);
    const { identity_file, invite, proof_of_work, retrieval_hash, expires_in } = parseWith(registerBody, body);
    const wish = { ...origin, identity_file, invite, proof_of_work, retrieval_hash, expires_in };
    return await this.bus.request(AUTH.register, wish);
  }

  @Get('me')
  async own(@Req() request: FastifyRequest): Promise<object> {
    const { user_id, device, account_type, admin } = this.context.session(request);
    const [profile, settings] = await Promise.all([
      this.bus.request(AUTH.profile, { user_id }),
      this.bus.request(AUTH.settings, { user_id }),
    ]);
    return { ...profile, device, account_type, admin, blocked_users: settings.blocked_users };
  }

  /** The channels one is in, with where each of them stands. */
  @Get('me/channels')
  async channels(@Req() request: FastifyRequest): Promise<object> {
    const { user_id } = this.context.session(request);
    const { memberships } = await this.bus.request(CHANNEL.memberships, { user_id });
    return { channels: memberships.map(({ name, ...rest }) => ({ id: viewerName(name, user_id), ...rest })) };
  }

  /** Channels that one may join because a member invited one (§9.2). */
  @Get('me/invitations')
  async invitations(@Req() request: FastifyRequest): Promise<object> {
    const { user_id } = this.context.session(request);
    const { invitations } = await this.bus.request(CHANNEL.invitations, { user_id });
    const shown = invitations.map(({ name, ...rest }) => ({ channel: viewerName(name, user_id), ...rest }));
    return { invitations: shown };
  }

  @Put('me')
  async update(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request, 10);
    const { identity_file, retrieval_hash } = parseWith(accountBody, body);
    return await this.bus.request(AUTH.updateAccount, { session, identity_file, retrieval_hash });
  }

  /** The account goes on at another node: whoever asks for it is led there, until it ends. */
  @Post('me/move')
  @HttpCode(200)
  async move(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request, MOVE_COST);
    const { moved_to } = parseWith(moveBody, body);
    return await this.bus.request(AUTH.moveAccount, { session, moved_to });
  }

  @Delete('me')
  async remove(@Req() request: FastifyRequest): Promise<object> {
    return await this.bus.request(
      AUTH.removeAccount,
      { session: this.context.session(request, 10) },
      { timeoutMs: 30_000 },
    );
  }
}
