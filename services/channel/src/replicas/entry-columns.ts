import type { OrderedEntry } from './ordered-entry.js';

/** Columns of `channel_events` as arrays, in the order seq, id, digest, type, author, device, timestamp, received_at, body. */
export function entryColumns(entries: OrderedEntry[]): unknown[][] {
  return [
    entries.map((entry) => entry.seq),
    entries.map((entry) => entry.id),
    entries.map((entry) => entry.digest),
    entries.map((entry) => entry.type),
    entries.map((entry) => entry.author),
    entries.map((entry) => entry.device),
    entries.map((entry) => entry.timestamp),
    entries.map((entry) => entry.received_at),
    entries.map((entry) => entry.body),
  ];
}
