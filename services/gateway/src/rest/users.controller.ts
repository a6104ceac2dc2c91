import { AUTH, CHANNEL } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { parseWith, userIdField } from '@dcp/protocol';
import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BUS } from '../tokens.js';
import { PresenceService } from '../presence/presence.service.js';
import { RestContext } from './rest-context.js';

const devicesQuery = z.looseObject({ after: z.coerce.number().int().min(0).optional() });

/** Other users: their profile and, when they allow it and share a channel with the caller, whether they are there (§8.3). */
@Controller('api/v1/users')
export class UsersController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
    private readonly presence: PresenceService,
  ) {}

  @Get(':user_id')
  async user(@Req() request: FastifyRequest, @Param('user_id') id: string): Promise<object> {
    const session = this.context.session(request);
    const user_id = parseWith(userIdField, id);
    const [profile, visible] = await Promise.all([
      this.bus.request(AUTH.profile, { user_id }),
      this.maySeePresence(session.user_id, user_id),
    ]);
    if (!visible) return profile;
    const { status, lastSeen, message } = this.presence.shown(user_id);
    return {
      ...profile,
      status,
      last_seen: lastSeen ?? profile.created,
      ...(message === undefined ? {} : { status_message: message }),
    };
  }

  @Get(':user_id/devices')
  async devices(
    @Req() request: FastifyRequest,
    @Param('user_id') id: string,
    @Query() query: unknown,
  ): Promise<object> {
    this.context.session(request);
    const { after } = parseWith(devicesQuery, query);
    return await this.bus.request(AUTH.devices, { user_id: parseWith(userIdField, id), after });
  }

  /** Presence needs consent and a shared channel; one always sees oneself. */
  private async maySeePresence(viewer: string, user_id: string): Promise<boolean> {
    if (viewer === user_id) return true;
    const settings = await this.bus.request(AUTH.settings, { user_id });
    if (!settings.show_online_status || settings.blocked_users.includes(viewer)) return false;
    const [theirs, mine] = await Promise.all([
      this.bus.request(CHANNEL.memberships, { user_id }),
      this.bus.request(CHANNEL.memberships, { user_id: viewer }),
    ]);
    const shared = new Set(theirs.memberships.map((membership) => membership.channel_id));
    return mine.memberships.some((membership) => shared.has(membership.channel_id));
  }
}
