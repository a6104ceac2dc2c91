import { AUTH } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { parseWith, userIdField } from '@dcp/protocol';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

export const inviteBody = z.looseObject({
  uses: z.number().int().min(1).max(10_000).optional(),
  /** Seconds. */
  expires_in: z
    .number()
    .int()
    .min(60)
    .max(365 * 86_400)
    .optional(),
});

/** What the node's owner may do; the auth service checks that it is he. */
@Controller('api/v1/admin')
export class AdminController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Post('users/:user_id/suspend')
  @HttpCode(200)
  async suspend(@Req() request: FastifyRequest, @Param('user_id') id: string): Promise<object> {
    return await this.setSuspended(request, id, true);
  }

  @Post('users/:user_id/unsuspend')
  @HttpCode(200)
  async unsuspend(@Req() request: FastifyRequest, @Param('user_id') id: string): Promise<object> {
    return await this.setSuspended(request, id, false);
  }

  private async setSuspended(request: FastifyRequest, id: string, suspended: boolean): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(AUTH.suspend, { session, user_id: parseWith(userIdField, id), suspended });
  }

  @Post('users/:user_id/approve')
  @HttpCode(200)
  async approve(@Req() request: FastifyRequest, @Param('user_id') id: string): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(AUTH.approve, { session, user_id: parseWith(userIdField, id) });
  }

  @Get('pending')
  async pending(@Req() request: FastifyRequest): Promise<object> {
    return await this.bus.request(AUTH.pending, { session: this.context.session(request) });
  }

  @Get('invites')
  async invites(@Req() request: FastifyRequest): Promise<object> {
    return await this.bus.request(AUTH.invites, { session: this.context.session(request) });
  }

  @Post('invites')
  async createInvite(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request);
    const { uses, expires_in } = parseWith(inviteBody, body ?? {});
    return await this.bus.request(AUTH.createInvite, { session, uses, expires_in });
  }
}
