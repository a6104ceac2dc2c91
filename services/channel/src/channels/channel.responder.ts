import { CHANNEL, type ChannelInfo } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { CHANNEL_ID, DcpError } from '@dcp/protocol';
import { QUEUE } from '../queue.js';
import type { ChannelStore } from './channel.store.js';
import type { CreateChannelService } from './create-channel.service.js';
import type { UpdateChannelService } from './update-channel.service.js';

export class ChannelResponder {
  constructor(
    private readonly bus: Bus,
    private readonly channels: ChannelStore,
    private readonly creation: CreateChannelService,
    private readonly settings: UpdateChannelService,
  ) {}

  serve(): Subscription[] {
    const { bus, channels, creation, settings } = this;
    return [
      bus.serve(CHANNEL.create, (request) => creation.create(request), QUEUE),
      bus.serve(
        CHANNEL.update,
        ({ session, channel_id, title, description }) =>
          settings.update(session.user_id, channel_id, { title, description }),
        QUEUE,
      ),
      bus.serve(CHANNEL.resolve, ({ name }) => this.resolve(name), QUEUE),
      bus.serve(CHANNEL.list, async () => ({ channels: await channels.list() }), QUEUE),
    ];
  }

  /** `#name` or `ch_…`. */
  private async resolve(reference: string): Promise<ChannelInfo> {
    const { channels } = this;
    const found = await (CHANNEL_ID.test(reference) ? channels.findById(reference) : channels.findByName(reference));
    if (found === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    return found;
  }
}
