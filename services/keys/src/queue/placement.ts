import type { DeviceReference, KeyMessage } from '@dcp/protocol';
import { deviceKey } from '../device-list.js';

export interface QueueLimits {
  items: number;
  bytes: number;
}

/** A device's queue as it stands; `moved` once something was put into it. */
export interface QueueHead extends DeviceReference {
  head: number;
  items: number;
  bytes: number;
  moved: boolean;
}

export interface Placement {
  placed: { message: KeyMessage; seq: number }[];
  unknown: DeviceReference[];
  full: DeviceReference[];
  /** Queues that now hold a message of the call. */
  touched: QueueHead[];
}

/**
 * Where each message goes. A queue that refuses one takes none of the call's later ones either: what unlocks something must not be
 * overtaken by it. Changes the heads that it is given.
 */
export function placeMessages(
  messages: KeyMessage[],
  heads: QueueHead[],
  known: ReadonlySet<string>,
  limits: QueueLimits,
): Placement {
  const queues = new Map(heads.map((head) => [deviceKey(head), head]));
  const [unknown, full, touched] = [
    new Map<string, DeviceReference>(),
    new Map<string, DeviceReference>(),
    new Set<QueueHead>(),
  ];
  const placed: Placement['placed'] = [];
  const done = new Set(known);
  for (const message of messages) {
    const name = deviceKey(message);
    const queue = queues.get(name);
    if (queue === undefined) unknown.set(name, reference(message));
    else if (done.has(`${name}/${message.id}`)) touched.add(queue);
    else if (full.has(name) || !fits(queue, message, limits)) full.set(name, reference(message));
    else {
      placed.push({ message, seq: put(queue, message) });
      touched.add(queue);
      done.add(`${name}/${message.id}`);
    }
  }
  return { placed, unknown: [...unknown.values()], full: [...full.values()], touched: [...touched] };
}

function fits({ items, bytes }: QueueHead, { body }: KeyMessage, limits: QueueLimits): boolean {
  return items < limits.items && bytes + body.length <= limits.bytes;
}

/** Base64: as many bytes as characters. */
function put(queue: QueueHead, { body }: KeyMessage): number {
  queue.items++;
  queue.bytes += body.length;
  queue.moved = true;
  return ++queue.head;
}

function reference({ user_id, device }: DeviceReference): DeviceReference {
  return { user_id, device };
}
