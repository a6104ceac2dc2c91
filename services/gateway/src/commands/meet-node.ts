import { FEDERATION } from '@dcp/contracts';
import { meetNode } from '@dcp/protocol';
import { command } from './command.js';

/** Another node may take its time. */
export const MEET_MS = 20_000;
/** A request to a host that a user has named costs this node more than most. */
export const MEET_COST = 10;

/** Finds the node at a host, as invite links and contacts name it (`via`). */
export const meetNodeCommand = command({
  name: 'meet_node',
  schema: meetNode,
  cost: MEET_COST,
  run: (_caller, { via }, { bus }) => bus.request(FEDERATION.meet, { via }, { timeoutMs: MEET_MS }),
});
