import type { Clock } from '@dcp/node-kit';
import { CLOSE } from '@dcp/protocol';
import type { LoginService } from '../sessions/login.service.js';
import { uptimeSeconds, type Connection } from './connection.js';

export interface SweepLimits {
  /** Seconds a socket may stay without a login. */
  loginSeconds: number;
  /** Seconds of silence until a ping, and until the socket counts as dead. */
  pingAfterSeconds: number;
  deadAfterSeconds: number;
}

/**
 * One look at every socket a second instead of timers for each: logins that never come, sessions that end, silent peers.
 */
export class ConnectionSweep {
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly connections: ReadonlySet<Connection>,
    private readonly login: LoginService,
    private readonly clock: Clock,
    private readonly limits: SweepLimits,
  ) {}

  start(): void {
    this.timer = setInterval(() => this.sweep(), 1_000);
    this.timer.unref();
  }

  stop(): void {
    clearInterval(this.timer);
  }

  sweep(): void {
    const now = Math.floor(this.clock.now() / 1000);
    const uptime = uptimeSeconds();
    for (const connection of this.connections) {
      if (connection.session === null) this.checkLogin(connection, uptime);
      else this.checkSession(connection, now);
      this.checkSilence(connection, uptime);
    }
  }

  private checkLogin(connection: Connection, uptime: number): void {
    if (uptime - connection.opened >= this.limits.loginSeconds) connection.close(CLOSE.POLICY, 'no login in time');
  }

  private checkSession(connection: Connection, now: number): void {
    if (now >= connection.expires) this.login.end(connection, 'expired');
    else if (now >= connection.refreshAfter && connection.paused === null) this.login.pause(connection);
  }

  private checkSilence(connection: Connection, uptime: number): void {
    const silent = uptime - connection.lastHeard;
    if (silent >= this.limits.deadAfterSeconds) connection.ws.terminate();
    // A ping each sweep after the first one would be a flood: only when the silence is a multiple of the ping interval.
    else if (silent >= this.limits.pingAfterSeconds && silent % this.limits.pingAfterSeconds === 0)
      connection.ws.ping();
  }
}
