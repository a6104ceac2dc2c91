import { KEYS } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { backupRecord, invalidFormat, MAX_BACKUP_IDS, parseWith, putBackup } from '@dcp/protocol';
import { Body, Controller, Delete, Get, Inject, Put, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BUS } from '../tokens.js';
import { RestContext } from './rest-context.js';

export const backupQuery = z.looseObject({
  month: backupRecord.shape.month.optional(),
  /** `next` of the page before. */
  after: z.string().max(128).optional(),
  /** Only these records, separated by commas; neither `month` nor `after` goes with it. */
  ids: z
    .string()
    .max(MAX_BACKUP_IDS * 129)
    .optional(),
});
/** Strict: a misspelt month must not delete everything. */
export const backupMonth = z.strictObject({ month: backupRecord.shape.month.optional() });
export const keptAnswer = z.looseObject({ kept: z.array(backupRecord) });
export const backupPage = z.looseObject({ records: z.array(backupRecord), next: z.string().nullable() });
export const deletedAnswer = z.looseObject({ deleted: z.number().int() });

/** The sealed backup of one's own account (profile §5): the node keeps it and cannot read it. */
@Controller('api/v1/backup/records')
export class BackupController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {}

  /** Records whose id is taken stay as they are; those that differ are in the answer. */
  @Put()
  async put(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    const session = this.context.session(request, 5);
    return await this.bus.request(KEYS.putBackup, { session, records: parseWith(putBackup, body).records });
  }

  @Get()
  async read(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request, 5);
    const { month, after, ids } = parseWith(backupQuery, query);
    if (ids !== undefined) {
      if (month !== undefined || after !== undefined) throw invalidFormat('either ids or a page', 'ids');
      return await this.bus.request(KEYS.backupRecords, { session, ids: ids.split(',') });
    }
    return await this.bus.request(KEYS.backup, { session, month, after });
  }

  /** One month, or everything. */
  @Delete()
  async remove(@Req() request: FastifyRequest, @Query() query: unknown): Promise<object> {
    const session = this.context.session(request, 5);
    const { month } = parseWith(backupMonth, query);
    return await this.bus.request(KEYS.deleteBackup, { session, month });
  }
}
