import type { Session } from '@dcp/contracts';
import type { Bus, Clock } from '@dcp/node-kit';
import type { Logger } from '@dcp/node-kit';
import type { z } from 'zod';
import type { Hub } from '../fanout/hub.js';
import type { RateLimits } from '../limits/rate-limits.js';
import type { ChannelDirectory } from '../posts/channel-directory.js';
import type { PostBatcher } from '../posts/post-batcher.js';
import type { PresenceService } from '../presence/presence.service.js';
import type { Connection } from '../sockets/connection.js';
import type { Moderation } from '../trust/moderation.js';
import type { LocalUsers } from '../users/local-users.js';

/** What commands work with. */
export interface CommandTools {
  bus: Bus;
  clock: Clock;
  logger: Logger;
  hub: Hub;
  users: LocalUsers;
  directory: ChannelDirectory;
  batcher: PostBatcher;
  presence: PresenceService;
  limits: RateLimits;
  moderation: Moderation;
}

/** A connection that has logged in. */
export type Caller = Connection & { session: Session };

/**
 * One command of §7.3: its schema, its price, what it does. What `run` returns is the `data` of the ack.
 */
export interface Command<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** Tokens of the account's command bucket. */
  readonly cost: number;
  run(caller: Caller, data: T, tools: CommandTools): Promise<object>;
}

/** Keeps the schema's type and the handler's together. */
export function command<T>(definition: Command<T>): Command<unknown> {
  return definition as Command<unknown>;
}
