import { SERVICES, type RpcContract, type Service, type TopicContract } from './define.js';
import { FEDERATION } from './federation.js';
import { PEER } from './peer.js';
import { AUTH, CHANNEL, GATEWAY, KEYS } from './subjects.js';
import { TRUST } from './trust.js';

type Contract = RpcContract<never, unknown> | TopicContract<never>;

/** What one service may say and hear on the bus. Replies and its own inbox are added by whoever writes the broker's configuration. */
export interface BusPermissions {
  service: Service;
  publish: string[];
  subscribe: string[];
}

const ALL: readonly Contract[] = [AUTH, CHANNEL, GATEWAY, KEYS, FEDERATION, PEER, TRUST].flatMap(
  (group) => Object.values(group) as unknown as Contract[],
);

/** Permissions of every service, generated from the subjects table. */
export function busPermissions(): BusPermissions[] {
  return SERVICES.map((service) => ({
    service,
    publish: subjects((contract) =>
      contract.kind === 'rpc' ? contract.callers.includes(service) : contract.by === service,
    ),
    subscribe: subjects((contract) =>
      contract.kind === 'rpc' ? contract.server === service : contract.heardBy.includes(service),
    ),
  }));
}

function subjects(allowed: (contract: Contract) => boolean): string[] {
  return ALL.filter(allowed)
    .map((contract) => contract.subject)
    .sort();
}
