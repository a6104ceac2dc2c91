import { CHANNEL } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { QUEUE } from '../queue.js';
import type { HistoryService } from './history.service.js';

export class HistoryResponder {
  constructor(
    private readonly bus: Bus,
    private readonly service: HistoryService,
  ) {}

  serve(): Subscription[] {
    const { bus, service } = this;
    return [
      bus.serve(CHANNEL.history, (request) => service.history(request), QUEUE),
      bus.serve(CHANNEL.range, (request) => service.range(request), QUEUE),
      bus.serve(CHANNEL.heads, async ({ channel_ids }) => ({ heads: await service.heads(channel_ids) }), QUEUE),
    ];
  }
}
