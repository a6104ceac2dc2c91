import { join } from 'node:path';
import type { DataFolder } from './data-folder.js';

/** A path longer than this does not fit into a socket's address. */
const SOCKET_PATH_MAX = 90;

export function hasSocket(folder: DataFolder): boolean {
  return folder.run.length <= SOCKET_PATH_MAX;
}

/** Sized for a home node on a small machine that shares it with other programs. */
export function serverCommand(postgres: string, folder: DataFolder, port: number, fast: boolean): string[] {
  const settings: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: hasSocket(folder) ? folder.run : '',
    unix_socket_permissions: '0700',
    max_connections: 100,
    shared_buffers: '64MB',
    work_mem: '4MB',
    maintenance_work_mem: '64MB',
    effective_cache_size: '256MB',
    jit: 'off',
    timezone: 'UTC',
    max_worker_processes: 4,
    max_parallel_workers_per_gather: 0,
    wal_level: 'minimal',
    max_wal_senders: 0,
    wal_compression: 'on',
    max_wal_size: '512MB',
    min_wal_size: '64MB',
    checkpoint_timeout: '15min',
    // Statements may hold content: the log gets what happened to the server, never what was asked of it.
    log_min_messages: 'log',
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    log_destination: 'stderr',
    logging_collector: 'off',
    // Commits still reach the operating system: they survive kill -9 of the server, not a power cut.
    ...(fast ? { fsync: 'off', full_page_writes: 'off' } : {}),
  };
  const options = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return [join(postgres, 'bin', 'postgres'), '-D', folder.data, ...options];
}
