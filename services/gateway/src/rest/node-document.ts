import { AUTH, FEDERATION } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { asDcpError } from '@dcp/protocol';

const CACHE_MS = 2_000;
const ASK_MS = 2_000;

/**
 * The signed node document: as the federation service gives it, with the way in for other nodes; without such a service as the auth service
 * gives it. Asked for once in two seconds, however many want it.
 */
export class NodeDocumentSource {
  private kept: { at: number; document: Promise<Record<string, unknown>> } | undefined;

  constructor(private readonly bus: Bus) {}

  get(): Promise<Record<string, unknown>> {
    const now = performance.now();
    if (this.kept !== undefined && now - this.kept.at < CACHE_MS) return this.kept.document;
    const document = this.ask();
    this.kept = { at: now, document };
    document.catch(() => {
      this.kept = undefined;
    });
    return document;
  }

  private async ask(): Promise<Record<string, unknown>> {
    try {
      return (await this.bus.request(FEDERATION.document, {}, { timeoutMs: ASK_MS })).document;
    } catch (error) {
      if (asDcpError(error).code !== 'MAINTENANCE_MODE') throw error;
      return (await this.bus.request(AUTH.node, {})).document;
    }
  }
}
