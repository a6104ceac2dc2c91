import { CHANNEL, MAX_BATCH_POSTS, type PostBatch, type PostBatchAnswer } from '@dcp/contracts';
import { invalidFormat } from '@dcp/protocol';
import type { Answering, Responder } from '../answering.js';
import type { PostService } from './post.service.js';

/** `channel.post.<partition>`: any instance answers for any partition, because the order is made in the database. */
export class PostResponder implements Responder {
  constructor(private readonly posts: PostService) {}

  serve(answering: Answering): void {
    answering.serve(CHANNEL.post, (batch) => this.#post(batch));
  }

  async #post({ posts }: PostBatch): Promise<PostBatchAnswer> {
    if (posts.length > MAX_BATCH_POSTS) throw invalidFormat(`more than ${MAX_BATCH_POSTS} posts`, 'posts');
    return { results: await this.posts.post(posts) };
  }
}
