import type { OrderStatement } from '@dcp/protocol';
import { LRUCache } from 'lru-cache';
import type { NodeKey } from '../node/node-key.js';

const MAX_KEPT = 2_000;

type Plain = Pick<OrderStatement, 'channel_id' | 'epoch' | 'from' | 'to' | 'prev_head' | 'head'>;

/** This node's word on the order of its channels. Nodes that are equally far hear the same word: it is signed once. */
export class Orders {
  readonly #signed = new LRUCache<string, OrderStatement>({ max: MAX_KEPT });

  constructor(private readonly key: Pick<NodeKey, 'sign'>) {}

  sign(order: Plain): OrderStatement {
    const name = Object.values(order).join(' ');
    const known = this.#signed.get(name);
    if (known !== undefined) return known;
    const signed = { ...order, signature: this.key.sign('ORDER', order) };
    this.#signed.set(name, signed);
    return signed;
  }
}
