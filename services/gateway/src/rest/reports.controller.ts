import { REPORT_STATES, TRUST } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { messageReport, parseWith, reportIdField, userIdField } from '@dcp/protocol';
import { Body, Controller, Get, HttpCode, Inject, Param, Post, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

export const reportsQuery = z.looseObject({
  state: z.enum(REPORT_STATES).optional(),
  author: userIdField.optional(),
  after: z.string().max(120).optional(),
});

/** The channel's home and the author's node may have to be asked. */
const REPORT_MS = 45_000;
const REPORT_COST = 5;

/** Messages that users report, and those who run the node judge (profile §6). Who is banned may report, too. */
@Controller('api/v1')
export class ReportsController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  @Post('reports')
  async report(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request, REPORT_COST);
    const report = parseWith(messageReport, body);
    return await this.bus.request(TRUST.report, { session, report }, { timeoutMs: REPORT_MS });
  }

  @Get('admin/trust/reports')
  async reports(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request);
    const { state = 'open', author, after } = parseWith(reportsQuery, query);
    return await this.bus.request(TRUST.reports, { session, state, author, after });
  }

  @Post('admin/trust/reports/:id/dismiss')
  @HttpCode(200)
  async dismiss(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.dismissReport, { session, id: parseWith(reportIdField, id) });
  }
}
