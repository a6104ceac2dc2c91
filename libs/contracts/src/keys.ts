import type { KeyStock } from '@dcp/protocol';

/** Something new lies in these devices' queues; `head` is the last number of each. */
export interface DevicesQueued {
  devices: { user_id: string; device: string; head: number }[];
}

export interface StockLow extends KeyStock {
  user_id: string;
  device: string;
}
