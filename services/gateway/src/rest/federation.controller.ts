import { FEDERATION } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { nodeIdField, parseWith } from '@dcp/protocol';
import { Controller, Delete, Get, Inject, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

export const peersQuery = z.looseObject({ after: z.string().max(8).optional() });
export const doctorQuery = z.looseObject({ node: nodeIdField.optional() });

/** A node that does not answer is waited for. */
const DOCTOR_MS = 40_000;

/** Links to other nodes, for those who run this one; the federation service checks that they do. */
@Controller('api/v1/admin/federation')
export class FederationController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Get('peers')
  async peers(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(FEDERATION.peers, { session, after: parseWith(peersQuery, query).after });
  }

  @Delete('peers/:node_id')
  async forget(@Req() request: FastifyRequest, @Param('node_id') id: string): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(FEDERATION.forget, { session, node_id: parseWith(nodeIdField, id) });
  }

  @Get('doctor')
  async doctor(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request, 5);
    const { node } = parseWith(doctorQuery, query);
    return await this.bus.request(FEDERATION.doctor, { session, node }, { timeoutMs: DOCTOR_MS });
  }
}
