import type { Subscription } from '../bus/bus.js';
import type { Health } from '../health/health.js';
import type { Logger } from '../logging/logger.js';
import type { Metrics } from '../metrics/metrics.js';
import type { HsmSigner } from './hsm/hsm-signer.js';

/** Counts what the HSM signs and does not sign, and says at `/readyz` whether it does. */
export function watchHsm(
  signer: HsmSigner,
  { health, metrics, logger }: { health: Health; metrics: Metrics; logger: Logger },
): Subscription {
  const signatures = metrics.counter({
    name: 'dcp_node_hsm_signatures_total',
    help: 'Signatures that were asked of the HSM',
    labels: ['result'],
  });
  const sessions = metrics.counter({
    name: 'dcp_node_hsm_sessions_total',
    help: 'Sessions with the HSM that were lost, and opened again',
    labels: ['event'],
  });
  signer.events = {
    signed: () => signatures.inc({ result: 'ok' }),
    failed: () => signatures.inc({ result: 'failed' }),
    lost: (reason) => {
      sessions.inc({ event: 'lost' });
      logger.warn({ reason }, 'the HSM does not sign');
    },
    reopened: () => {
      sessions.inc({ event: 'reopened' });
      logger.warn('the HSM signs again');
    },
  };
  return health.register('node.hsm', () => signer.check());
}
