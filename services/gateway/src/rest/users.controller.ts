import { AUTH, CHANNEL } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { parseWith, userIdField } from '@dcp/protocol';
import { Controller, Get, Inject, Param, Query, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { BUS } from '../tokens.js';
import type { Shown } from '../presence/presence-map.js';
import { PresenceService } from '../presence/presence.service.js';
import { RemotePresenceService } from '../presence/remote-presence.service.js';
import { RestContext } from './rest-context.js';

const devicesQuery = z.looseObject({ after: z.coerce.number().int().min(0).optional() });

/** Other users: their profile and, when they allow it and share a channel with the caller, whether they are there (§8.3). */
@Controller('api/v1/users')
export class UsersController {
  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
    private readonly presence: PresenceService,
    private readonly remotePresence: RemotePresenceService,
  ) {}

  @Get(':user_id')
  async user(@Req() request: FastifyRequest, @Param('user_id') id: string): Promise<object> {
    const session = this.context.session(request);
    const user_id = parseWith(userIdField, id);
    const [profile, shown] = await Promise.all([
      this.bus.request(AUTH.profile, { user_id }),
      this.presenceFor(session.user_id, user_id),
    ]);
    if (shown === undefined) return profile;
    const { status, lastSeen, message } = shown;
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

  /** Presence needs consent and a shared channel; one always sees oneself. What another node tells has its user's consent. */
  private async presenceFor(viewer: string, user_id: string): Promise<Shown | undefined> {
    if (viewer === user_id) return this.presence.shown(user_id);
    const remote = this.remotePresence.shown(user_id);
    if (remote === undefined && !(await this.consents(user_id, viewer))) return undefined;
    if (!(await this.shareChannel(viewer, user_id))) return undefined;
    return remote ?? this.presence.shown(user_id);
  }

  private async consents(user_id: string, viewer: string): Promise<boolean> {
    const settings = await this.bus.request(AUTH.settings, { user_id });
    return settings.show_online_status && !settings.blocked_users.includes(viewer);
  }

  private async shareChannel(viewer: string, user_id: string): Promise<boolean> {
    const [theirs, mine] = await Promise.all([
      this.bus.request(CHANNEL.memberships, { user_id }),
      this.bus.request(CHANNEL.memberships, { user_id: viewer }),
    ]);
    const shared = new Set(theirs.memberships.map((membership) => membership.channel_id));
    return mine.memberships.some((membership) => shared.has(membership.channel_id));
  }
}
