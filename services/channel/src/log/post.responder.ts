import { CHANNEL, MAX_BATCH_POSTS, type PostBatch, type PostBatchAnswer } from '@dcp/contracts';
import type { Bus, Subscription } from '@dcp/node-kit';
import { invalidFormat } from '@dcp/protocol';
import { QUEUE } from '../queue.js';
import type { PostService } from './post.service.js';

/** `channel.post.<partition>`: any instance answers for any partition, because the order is made in the database. */
export class PostResponder {
  constructor(
    private readonly bus: Bus,
    private readonly posts: PostService,
  ) {}

  serve(): Subscription[] {
    return [this.bus.serve(CHANNEL.post, (batch) => this.post(batch), QUEUE)];
  }

  private async post({ posts }: PostBatch): Promise<PostBatchAnswer> {
    if (posts.length > MAX_BATCH_POSTS) throw invalidFormat(`more than ${MAX_BATCH_POSTS} posts`, 'posts');
    return { results: await this.posts.post(posts) };
  }
}
