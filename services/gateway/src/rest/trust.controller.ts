import { DECISION_STATUSES, OVERRIDE_RULES, type Session, TRUST } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { DcpError, invalidFormat, newDecision, nodeIdField, parseWith, textUpTo, TRUST_LEVELS } from '@dcp/protocol';
import { Body, Controller, Delete, Get, HttpCode, Inject, Param, Post, Put, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { blockedIds, csvOf } from '../trust/block-list-csv.js';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

const after = z.string().max(120).optional();
export const trustPage = z.looseObject({ after });
export const decisionsQuery = z.looseObject({
  status: z.enum(DECISION_STATUSES).optional(),
  target: z.string().max(120).optional(),
  after,
});
export const exportQuery = z.looseObject({ format: z.enum(['json', 'csv']).optional(), after });
export const levelBody = z.looseObject({ level: z.enum(TRUST_LEVELS) });
export const appealBody = z.looseObject({ note: textUpTo(2_000).nullable() });
export const overrideBody = z.looseObject({ rule: z.enum(OVERRIDE_RULES) });
/** `ids`, or `csv`: the ids are its first column. */
export const importBody = z.looseObject({
  ids: z.array(z.string().max(120)).max(5_000).optional(),
  csv: z.string().max(250_000).optional(),
  dry_run: z.boolean().optional(),
  note: textUpTo(500).optional(),
});

const ANSWER_MS = 15_000;

/** Trust levels, decisions of moderators and their log (§10.3), for those who run the node; the trust-chain service checks that they do. */
@Controller('api/v1/admin/trust')
export class TrustController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  /** Services may ask for levels freely; over REST only administrators may. */
  @Get('levels')
  async levels(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    if (!this.context.session(request).admin)
      throw new DcpError('INSUFFICIENT_PERMISSIONS', { reason: 'not_the_owner' });
    return await this.bus.request(TRUST.levels, { after: parseWith(trustPage, query).after });
  }

  @Put('levels/:node_id')
  async setLevel(@Req() request: FastifyRequest, @Param('node_id') id: string, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request);
    const { level } = parseWith(levelBody, body);
    return await this.bus.request(TRUST.setLevel, { session, node_id: parseWith(nodeIdField, id), level });
  }

  @Get('decisions')
  async decisions(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    return await this.listed(this.context.session(request), parseWith(decisionsQuery, query));
  }

  @Get('review')
  async review(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request);
    return await this.listed(session, { status: 'pending', after: parseWith(trustPage, query).after });
  }

  private async listed(session: Session, query: z.infer<typeof decisionsQuery>): Promise<object> {
    return await this.bus.request(TRUST.decisions, {
      session,
      status: query.status,
      target: query.target,
      after: query.after,
    });
  }

  @Post('decisions')
  async decide(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.decide, { session, decision: parseWith(newDecision, body) });
  }

  @Post('decisions/:id/lift')
  @HttpCode(200)
  async lift(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    return await this.bus.request(TRUST.lift, { session: this.context.session(request), id });
  }

  @Post('decisions/:id/approve')
  @HttpCode(200)
  async approve(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    return await this.bus.request(TRUST.judge, { session: this.context.session(request), id, verdict: 'approve' });
  }

  @Post('decisions/:id/reject')
  @HttpCode(200)
  async reject(@Req() request: FastifyRequest, @Param('id') id: string): Promise<object> {
    return await this.bus.request(TRUST.judge, { session: this.context.session(request), id, verdict: 'reject' });
  }

  @Put('decisions/:id/appeal')
  async appeal(@Req() request: FastifyRequest, @Param('id') id: string, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.appeal, { session, id, note: parseWith(appealBody, body).note });
  }

  @Get('overrides')
  async overrides(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.overrides, { session, after: parseWith(trustPage, query).after });
  }

  @Put('overrides/:target')
  async setOverride(
    @Req() request: FastifyRequest,
    @Param('target') target: string,
    @Body() body: unknown,
  ): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.setOverride, { session, target, rule: parseWith(overrideBody, body).rule });
  }

  @Delete('overrides/:target')
  async endOverride(@Req() request: FastifyRequest, @Param('target') target: string): Promise<object> {
    return await this.bus.request(TRUST.setOverride, { session: this.context.session(request), target, rule: null });
  }

  @Post('import')
  @HttpCode(200)
  async import(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request, 10);
    const { ids, csv, dry_run = false, note } = parseWith(importBody, body);
    if ((ids === undefined) === (csv === undefined)) throw invalidFormat('either ids or csv', 'ids');
    const list = { ids: ids ?? blockedIds(csv ?? ''), dry_run, note };
    return await this.bus.request(TRUST.importList, { session, ...list }, { timeoutMs: ANSWER_MS });
  }

  /** As CSV the next page is in the `link` header. */
  @Get('export')
  async export(
    @Req() request: FastifyRequest,
    @Query() query: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<object | string> {
    const session = this.context.session(request, 3);
    const { format, after: last } = parseWith(exportQuery, query);
    const page = await this.bus.request(TRUST.exportList, { session, after: last });
    if (format !== 'csv') return page;
    void reply.type('text/csv; charset=utf-8');
    if (page.next !== undefined)
      void reply.header('link', `<?format=csv&after=${encodeURIComponent(page.next)}>; rel="next"`);
    return csvOf(page.blocked);
  }

  @Get('preview/:node_id')
  async preview(@Req() request: FastifyRequest, @Param('node_id') id: string): Promise<object> {
    const session = this.context.session(request, 3);
    return await this.bus.request(TRUST.preview, { session, node_id: parseWith(nodeIdField, id) });
  }

  @Get('logs')
  async logs(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.logs, { session, after: parseWith(trustPage, query).after });
  }

  @Post('logs/:node_id/refollow')
  @HttpCode(200)
  async refollow(@Req() request: FastifyRequest, @Param('node_id') id: string): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.refollow, { session, node_id: parseWith(nodeIdField, id) });
  }

  @Get('proof/:seq')
  async proof(@Req() request: FastifyRequest, @Param('seq') seq: string): Promise<object> {
    const session = this.context.session(request);
    return await this.bus.request(TRUST.proof, { session, seq: parseWith(z.coerce.number().int().min(1), seq) });
  }
}
