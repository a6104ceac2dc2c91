import { CHANNEL } from '@dcp/contracts';
import type { Answering, Responder } from '../answering.js';
import type { ForgetService } from './forget.service.js';

export class ForgetResponder implements Responder {
  constructor(private readonly service: ForgetService) {}

  serve(answering: Answering): void {
    answering.serve(CHANNEL.forgetUser, ({ user_id }) => this.service.forget(user_id));
  }
}
