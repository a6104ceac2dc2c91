import type { Metrics } from '@dcp/node-kit';

export interface AuthMetrics {
  challenges: { inc(): void };
  proofs: { inc(labels: { result: string }): void };
  registrations: { inc(labels: { result: string }): void };
  accounts: { set(value: number): void };
  sessions: { set(value: number): void };
}

export function authMetrics(metrics: Metrics): AuthMetrics {
  return {
    challenges: metrics.counter({ name: 'dcp_auth_challenges_total', help: 'Challenges made', labels: [] }),
    proofs: metrics.counter({ name: 'dcp_auth_proofs_total', help: 'Proofs checked', labels: ['result'] }),
    registrations: metrics.counter({
      name: 'dcp_registrations_total',
      help: 'Accounts registered',
      labels: ['result'],
    }),
    accounts: metrics.gauge({ name: 'dcp_accounts', help: 'Accounts of the node', labels: [] }),
    sessions: metrics.gauge({
      name: 'dcp_sessions_active',
      help: 'Sessions that are not over',
      labels: [],
    }),
  };
}
