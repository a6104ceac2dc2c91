import type { OrderStatement } from '@dcp/protocol';

/** What a home has said of a channel's order so far: up to `seq`, in a last batch that followed `base`. */
export interface HeardOrder {
  home: string;
  /** Of the home. */
  epoch: number;
  base: number;
  baseHead: string | null;
  seq: number;
  head: string;
  stopped: boolean;
}

/**
 * - `take`: new, and it follows what was heard;
 * - `repeat`: heard before;
 * - `gap`: something between is missing;
 * - `conflict`: the home has signed another order before;
 * - `foreign`: another node is the channel's home; `stopped`: there was a conflict;
 * - `old_epoch`: the home has moved since.
 */
export type Verdict = 'take' | 'repeat' | 'gap' | 'conflict' | 'foreign' | 'stopped' | 'old_epoch';

export interface ShownOrder {
  home: string;
  order: Pick<OrderStatement, 'epoch' | 'from' | 'to' | 'prev_head' | 'head'>;
  /** The running hash at the place up to which was heard; null when the batch does not reach it. */
  headAtHeard: string | null;
  /** An entry was wiped since: what is repeated may look different. */
  wiped: boolean;
}

/** Compares a home's newly signed order with what it has signed before. */
export function judgeOrder(heard: HeardOrder | undefined, shown: ShownOrder): Verdict {
  if (heard === undefined) return 'take';
  const { order } = shown;
  if (heard.home !== shown.home && heard.epoch === order.epoch) return 'foreign';
  if (heard.stopped) return 'stopped';
  if (order.epoch < heard.epoch) return 'old_epoch';
  // Whether the home has moved is known to the channel service: it takes the batch, or refuses it.
  if (order.epoch > heard.epoch) return 'take';
  // A home that begins anew (a member left and came back, or the home has lost its own record) says so.
  if (order.prev_head === null && order.from !== heard.base + 1) return 'take';
  if (order.from === heard.seq + 1) return order.prev_head === heard.head ? 'take' : 'conflict';
  if (order.from > heard.seq) return 'gap';
  if (order.from === heard.base + 1) return judgeRepeat(heard, shown);
  return order.to <= heard.seq ? 'repeat' : 'gap';
}

/** The same beginning as the last batch: its answer was lost, and the home says it again, perhaps with more behind. */
function judgeRepeat(heard: HeardOrder, { order, headAtHeard, wiped }: ShownOrder): Verdict {
  if (order.prev_head !== heard.baseHead) return 'conflict';
  if (order.to < heard.seq) return 'repeat';
  if (headAtHeard !== heard.head && !wiped) return 'conflict';
  return order.to === heard.seq ? 'repeat' : 'take';
}
