import { CHANNEL } from '@dcp/contracts';
import type { RefusedStore } from '../outgoing/refused.store.js';
import type { RemoteChannels } from '../replicas/remote-channels.js';
import type { Answering, Responder } from '../answering.js';
import type { MembershipService } from './membership.service.js';

export class MembershipResponder implements Responder {
  constructor(
    private readonly service: MembershipService,
    private readonly remote: RemoteChannels,
    private readonly refused: RefusedStore,
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
    answering.serve(CHANNEL.refusals, async ({ user_id }) => ({ refusals: await this.refused.of(user_id) }));
    answering.serve(CHANNEL.refusalsSeen, async ({ session, message_ids }) => {
      await this.refused.seen(session.user_id, message_ids);
      return {};
    });
    answering.serve(CHANNEL.members, ({ user_id, channel_id, after, limit }) =>
      service.members(user_id, channel_id, after ?? '', limit),
    );
  }
}
