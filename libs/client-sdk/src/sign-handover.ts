import { formatHash, sha256, signDigest } from '@dcp/crypto';
import { type Handover, handoverInput, type HandoverRecord, type Mandate } from '@dcp/protocol';
import type { Device } from './session/device.js';

/** What the next hand-over follows. */
export interface PresentHome {
  channel_id: string;
  home_node: string;
  home_epoch: number;
  handovers: HandoverRecord[];
}

export interface HandoverOptions {
  via?: string | undefined;
  lost?: { last_seq: number; void_to: number } | undefined;
  mandate?: Mandate | undefined;
  now?: number;
}

/**
 * The owner's word that another node is the home from now on (TYPE HANDOVER). `via`: a host at which that node is found; `lost`: the home
 * before is gone for good, and what counts ends with `last_seq`; `mandate`: an admin's word in the owner's place.
 */
export function signHandover(
  device: Device,
  home: PresentHome,
  toNode: string,
  { via, lost, mandate, now = Date.now() }: HandoverOptions = {},
): Handover {
  const handover = {
    ...placeAfter(home),
    to_node: toNode,
    kind: lost === undefined ? ('given' as const) : ('lost' as const),
    ...lost,
    ...(via === undefined ? {} : { via }),
    ...(mandate === undefined ? {} : { mandate }),
    issued: new Date(now).toISOString(),
    author: device.userId,
    device: device.id,
  };
  return { ...handover, signature: signDigest(device.seed, handoverInput(handover)) };
}

/** The members by which a hand-over follows the one before. */
export function placeAfter({ channel_id, home_node, home_epoch, handovers }: PresentHome) {
  const last = handovers.at(-1)?.handover;
  return {
    channel_id,
    epoch: home_epoch + 1,
    from_node: home_node,
    prev: last === undefined ? null : formatHash(sha256(handoverInput(last))),
  };
}
