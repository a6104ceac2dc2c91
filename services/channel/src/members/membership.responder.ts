import { CHANNEL } from '@dcp/contracts';
import type { RemoteChannels } from '../replicas/remote-channels.js';
import type { Answering, Responder } from '../answering.js';
import type { MembershipService } from './membership.service.js';

export class MembershipResponder implements Responder {
  constructor(
    private readonly service: MembershipService,
    private readonly remote: RemoteChannels,
  ) {}

  serve(answering: Answering): void {
    const { service, remote } = this;
    answering.serve(CHANNEL.join, ({ session, channel_id }) =>
      remote.atHome(
        channel_id,
        () => service.join(session.user_id, channel_id),
        (home) => remote.join(session, channel_id, home),
      ),
    );
    answering.serve(CHANNEL.leave, ({ session, channel_id }) =>
      remote.atHome(
        channel_id,
        () => service.leave(session.user_id, channel_id),
        (home) => remote.leave(session, channel_id, home),
      ),
    );
    answering.serve(CHANNEL.membership, ({ user_id, channel_id }) => service.membership(user_id, channel_id));
    answering.serve(CHANNEL.memberships, async ({ user_id }) => ({ memberships: await service.memberships(user_id) }));
    answering.serve(CHANNEL.members, ({ user_id, channel_id, after, limit }) =>
      service.members(user_id, channel_id, after ?? '', limit),
    );
  }
}
