import type { Pool } from '@dcp/node-kit';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from './generated/client.js';

/** The service's name on the bus and in its group. */
export const SERVICE = 'trust-chain';

/** The schema that this service owns. */
export const SCHEMA = 'trust_chain';

/** Ordinary reads go through Prisma, over the same connections as the hot path. */
export function createPrisma(pool: Pool): PrismaClient {
  return new PrismaClient({ adapter: new PrismaPg(pool, { schema: SCHEMA }) });
}

export type { PrismaClient };
