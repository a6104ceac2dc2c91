import { CHANNEL } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { QUEUE } from '../queue.js';
import type { MembershipService } from './membership.service.js';

export class MembershipResponder {
  constructor(
    private readonly bus: Bus,
    private readonly service: MembershipService,
  ) {}

  serve(): Subscription[] {
    const { bus, service } = this;
    return [
      bus.serve(CHANNEL.join, ({ session, channel_id }) => service.join(session.user_id, channel_id), QUEUE),
      bus.serve(CHANNEL.leave, ({ session, channel_id }) => service.leave(session.user_id, channel_id), QUEUE),
      bus.serve(CHANNEL.membership, ({ user_id, channel_id }) => service.membership(user_id, channel_id), QUEUE),
      bus.serve(
        CHANNEL.memberships,
        async ({ user_id }) => ({ memberships: await service.memberships(user_id) }),
        QUEUE,
      ),
      bus.serve(
        CHANNEL.members,
        ({ user_id, channel_id, after, limit }) => service.members(user_id, channel_id, after ?? '', limit),
        QUEUE,
      ),
    ];
  }
}
