import { CHANNEL } from '@dcp/contracts';
import type { Answering, Responder } from '../answering.js';
import type { HistoryService } from './history.service.js';

export class HistoryResponder implements Responder {
  constructor(private readonly service: HistoryService) {}

  serve(answering: Answering): void {
    answering.serve(CHANNEL.history, (request) => this.service.history(request));
    answering.serve(CHANNEL.range, (request) => this.service.range(request));
    answering.serve(CHANNEL.heads, async ({ channel_ids }) => ({ heads: await this.service.heads(channel_ids) }));
  }
}
