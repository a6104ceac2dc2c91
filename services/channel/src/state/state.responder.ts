import { CHANNEL } from '@dcp/contracts';
import type { Answering, Responder } from '../answering.js';
import type { OpenDmService } from '../dms/open-dm.service.js';
import type { ChainService } from './chain.service.js';
import type { StateService } from './state.service.js';

export class StateResponder implements Responder {
  constructor(
    private readonly states: StateService,
    private readonly chains: ChainService,
    private readonly dms: OpenDmService,
  ) {}

  serve(answering: Answering): void {
    const { states, chains, dms } = this;
    answering.serve(CHANNEL.changeState, (request) => states.change(request));
    answering.serve(CHANNEL.state, (request) => chains.page(request));
    answering.serve(CHANNEL.openDm, ({ session, user_id }) => dms.open(session, user_id));
    answering.serve(CHANNEL.invitations, async ({ user_id }) => ({ invitations: await chains.invitations(user_id) }));
  }
}
