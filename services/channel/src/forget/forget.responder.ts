import { CHANNEL } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { QUEUE } from '../queue.js';
import type { ForgetService } from './forget.service.js';

export class ForgetResponder {
  constructor(
    private readonly bus: Bus,
    private readonly service: ForgetService,
  ) {}

  serve(): Subscription[] {
    return [this.bus.serve(CHANNEL.forgetUser, ({ user_id }) => this.service.forget(user_id), QUEUE)];
  }
}
