// The worker's script: the oldest browsers' gaps first, then the host on the worker's own wire.
import './polyfills.js';
import type { Wire } from './rpc.js';
import { WorkerHost } from './worker-host.js';

export const host = new WorkerHost(globalThis as unknown as Wire);
