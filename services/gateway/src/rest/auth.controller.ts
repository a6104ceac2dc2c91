import { AUTH, type AuthSuccess } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { parseWith, restAuthProof, restAuthRefresh, restChallengeRequest, userIdField } from '@dcp/protocol';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

export const identityFileBody = z.looseObject({
  user_id: userIdField,
  /** Base64 of HKDF(master_key, "DCP-RETRIEVAL-V1"); without it the KDF parameters are answered. */
  retrieval_key: z.string().max(100).optional(),
});

export const deviceBody = z.looseObject({ entry: z.record(z.string(), z.unknown()) });

/** The handshake of §5.2 without a socket, sessions and devices (profile §3). */
@Controller('api/v1/auth')
export class AuthController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Post('challenge')
  @HttpCode(200)
  async challenge(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const origin = this.context.origin(request);
    const { user_id, device, client_info } = parseWith(restChallengeRequest, body);
    return await this.bus.request(AUTH.challenge, { ...origin, user_id, device, client_info });
  }

  @Post('proof')
  @HttpCode(200)
  async proof(@Req() request: FastifyRequest, @Body() body: unknown): Promise<AuthSuccess> {
    const origin = this.context.origin(request);
    const { challenge, signature, public_key, client_info } = parseWith(restAuthProof, body);
    return await this.bus.request(AUTH.proof, { ...origin, challenge, signature, public_key, client_info });
  }

  @Post('refresh')
  @HttpCode(200)
  async refresh(@Req() request: FastifyRequest, @Body() body: unknown): Promise<AuthSuccess> {
    const origin = this.context.origin(request);
    const { session_token } = parseWith(restAuthRefresh, body);
    return await this.bus.request(AUTH.refresh, { ...origin, session_token });
  }

  @Get('sessions')
  async sessions(@Req() request: FastifyRequest): Promise<object> {
    return await this.bus.request(AUTH.sessions, { session: this.context.session(request) });
  }

  @Delete('sessions')
  async endAll(@Req() request: FastifyRequest): Promise<object> {
    return await this.bus.request(AUTH.revoke, { session: this.context.session(request) });
  }

  @Delete('sessions/:id')
  async endOne(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    return await this.bus.request(AUTH.revoke, { session: this.context.session(request), id });
  }

  @Post('devices')
  async addDevice(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request, 5);
    return await this.bus.request(AUTH.appendDevice, { session, entry: parseWith(deviceBody, body).entry });
  }

  @Post('identity-file')
  @HttpCode(200)
  async identityFile(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const origin = this.context.origin(request, 3);
    const { user_id, retrieval_key } = parseWith(identityFileBody, body);
    if (retrieval_key === undefined) return await this.bus.request(AUTH.retrievalParameters, { ...origin, user_id });
    return await this.bus.request(AUTH.retrieveIdentityFile, { ...origin, user_id, retrieval_key });
  }
}
