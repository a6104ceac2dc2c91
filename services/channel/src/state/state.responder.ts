import { CHANNEL, type StatePage, type StateRequest } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import type { Answering, Responder } from '../answering.js';
import type { OpenDmService } from '../dms/open-dm.service.js';
import type { HomeDirectory } from '../replicas/home-directory.js';
import type { RemoteChannels } from '../replicas/remote-channels.js';
import type { ChainService } from './chain.service.js';
import type { StateService } from './state.service.js';

export class StateResponder implements Responder {
  constructor(
    private readonly states: StateService,
    private readonly chains: ChainService,
    private readonly dms: OpenDmService,
    private readonly remote: RemoteChannels,
    private readonly homes: HomeDirectory,
  ) {}

  serve(answering: Answering): void {
    const { states, chains, dms } = this;
    answering.serve(CHANNEL.changeState, (request) =>
      this.remote.atHome(
        request.channel_id,
        () => states.change(request),
        (home) => this.remote.change(request, home),
      ),
    );
    answering.serve(CHANNEL.state, (request) => this.#state(request));
    answering.serve(CHANNEL.openDm, ({ session, user_id }) => dms.open(session, user_id));
    answering.serve(CHANNEL.invitations, async ({ user_id }) => ({
      invitations: [...(await chains.invitations(user_id)), ...(await this.homes.invitationsOf(user_id))],
    }));
  }

  /** A replica has the whole chain; what it does not know of the asker its home may. */
  async #state(request: StateRequest): Promise<StatePage> {
    try {
      return await this.chains.page(request);
    } catch (error) {
      if (!(error instanceof DcpError) || error.code !== 'CHANNEL_NOT_FOUND') throw error;
      return this.remote.atHome(
        request.channel_id,
        () => Promise.reject(error),
        (home) => this.remote.state(request, home),
      );
    }
  }
}
