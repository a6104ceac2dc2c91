import type { Metrics } from '@dcp/node-kit';

export interface KeysMetrics {
  claims: { inc(labels: { kind: string }): void };
  queueItems: { set(value: number): void };
  queueBytes: { set(value: number): void };
  backupRecords: { set(value: number): void };
  outgoingItems: { set(value: number): void };
}

export function keysMetrics(metrics: Metrics): KeysMetrics {
  return {
    claims: metrics.counter({
      name: 'dcp_keys_claims_total',
      help: 'Prekeys handed out; "signed": a bundle without a one-time prekey',
      labels: ['kind'],
    }),
    queueItems: metrics.gauge({ name: 'dcp_keys_queue_items', help: 'Items that wait for devices', labels: [] }),
    queueBytes: metrics.gauge({ name: 'dcp_keys_queue_bytes', help: 'Their bytes', labels: [] }),
    backupRecords: metrics.gauge({ name: 'dcp_keys_backup_records', help: 'Backup records kept', labels: [] }),
    outgoingItems: metrics.gauge({
      name: 'dcp_keys_outgoing_items',
      help: 'Keys that wait for other nodes',
      labels: [],
    }),
  };
}
