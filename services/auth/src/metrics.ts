import type { Metrics } from '@dcp/node-kit';

export interface AuthMetrics {
  challenges: { inc(): void };
  proofs: { inc(labels: { result: string }): void };
  registrations: { inc(labels: { result: string }): void };
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
  };
}
