import type { Origin, Session } from '@dcp/contracts';
import { DcpError } from '@dcp/protocol';
import type { FastifyRequest } from 'fastify';
import type { RateLimits } from '../limits/rate-limits.js';
import { addressOf, bearerOf, hostOf, isSecure } from '../sockets/handshake.js';
import type { SessionService } from '../sessions/session.service.js';
import type { Moderation } from '../trust/moderation.js';

/** Who asks over REST, and how often he may. */
export class RestContext {
  constructor(
    private readonly sessions: SessionService,
    private readonly limits: RateLimits,
    private readonly moderation: Moderation,
    private readonly trustProxy: boolean,
    private readonly maintenance: boolean,
  ) {}

  /** The session of the bearer token (§8.2). 1000 without or with a wrong one, 1001 when it is over, 3002 when it asks too often. */
  session(request: FastifyRequest, cost = 1): Session {
    this.checkMaintenance();
    const token = bearerOf(request);
    if (token === undefined)
      throw new DcpError('INVALID_CREDENTIALS', { reason: 'send Authorization: Bearer {session-token}' });
    const { session } = this.sessions.authenticate(token, true);
    this.limits.command(session.user_id, cost);
    return session;
  }

  /** A call that needs no session: limited by address. */
  origin(request: FastifyRequest, cost = 1): Origin {
    this.checkMaintenance();
    const address = addressOf(request.raw, this.trustProxy);
    this.limits.login(address, cost);
    const scheme = isSecure(request.raw, this.trustProxy) ? 'wss' : 'ws';
    return { address, endpoint: `${scheme}://${hostOf(request.raw, this.trustProxy)}` };
  }

  /** The session of somebody who says or changes something that others see: 1002 while he is banned. */
  writer(request: FastifyRequest, cost = 1): Session {
    const session = this.session(request, cost);
    this.moderation.mayWrite(session);
    return session;
  }

  post(session: Session, bytes: number): void {
    this.moderation.mayPost(session);
    this.limits.post(session.user_id);
    this.limits.bytes(session.user_id, bytes);
  }

  private checkMaintenance(): void {
    if (this.maintenance) throw new DcpError('MAINTENANCE_MODE', { retry_after: 60 });
  }
}
