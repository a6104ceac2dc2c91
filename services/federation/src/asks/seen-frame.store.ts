import type { Pool } from '@dcp/node-kit';

/** Frames that came by HTTPS, named by their node and id: any instance knows what any other has taken. */
export class SeenFrameStore {
  constructor(private readonly pool: Pool) {}

  /** False when it was taken before. */
  async take(node: string, id: string, now: Date): Promise<boolean> {
    const text = 'insert into seen_frames (source_node, id, seen_at) values ($1, $2, $3) on conflict do nothing';
    return (await this.pool.query(text, [node, id, now])).rowCount === 1;
  }

  async sweep(before: Date): Promise<void> {
    await this.pool.query('delete from seen_frames where seen_at < $1', [before]);
  }
}
