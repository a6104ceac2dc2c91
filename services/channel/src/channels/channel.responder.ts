import { CHANNEL, type ChannelInfo } from '@dcp/contracts';
import { CHANNEL_ID, DcpError } from '@dcp/protocol';
import type { RemoteChannels } from '../replicas/remote-channels.js';
import type { Answering, Responder } from '../answering.js';
import type { ChannelStore } from './channel.store.js';
import type { CreateChannelService } from './create-channel.service.js';
import type { UpdateChannelService } from './update-channel.service.js';

export class ChannelResponder implements Responder {
  constructor(
    private readonly channels: ChannelStore,
    private readonly creation: CreateChannelService,
    private readonly settings: UpdateChannelService,
    private readonly remote: RemoteChannels,
    private readonly nodeId: string,
  ) {}

  serve(answering: Answering): void {
    answering.serve(CHANNEL.create, (request) => this.creation.create(request));
    answering.serve(CHANNEL.update, ({ session, channel_id, title, description, mandate }) =>
      this.remote.atHome(
        channel_id,
        () => this.settings.update(session.user_id, channel_id, { title, description, mandate }),
        (home) => this.remote.update(session, channel_id, { title, description, mandate }, home),
      ),
    );
    answering.serve(CHANNEL.resolve, ({ name, user_id }) => this.#resolve(name, user_id));
    answering.serve(CHANNEL.list, async () => ({ channels: await this.channels.list() }));
  }

  /** `#name` or `ch_…`, of another node with `@node` behind it. */
  async #resolve(reference: string, userId: string | undefined): Promise<ChannelInfo> {
    const { channels } = this;
    const [local = '', node] = reference.split('@');
    // `@a,b` is the name of a DM.
    const isOurs = local === '' || node === undefined || node === this.nodeId;
    const wanted = local !== '' && isOurs ? local : reference;
    const isId = CHANNEL_ID.test(wanted);
    const known = isOurs ? await (isId ? channels.findById(wanted) : channels.findByName(wanted, userId)) : undefined;
    const found = known ?? (await this.remote.resolve(wanted, userId));
    if (found === undefined) throw new DcpError('CHANNEL_NOT_FOUND');
    return found;
  }
}
