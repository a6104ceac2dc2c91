import type { Entry } from '@dcp/contracts';

/** The columns of an entry that leave this service. */
export interface EntryRow {
  seq: string;
  id: string;
  type: string;
  author: string;
  received_at: Date;
  body: string;
}

export const ENTRY_COLUMNS = 'seq, id, type, author, received_at, body';

export function entryOf({ seq, id, type, author, received_at, body }: EntryRow): Entry {
  return { seq: Number(seq), id, type, author, received_at: received_at.toISOString(), body };
}
