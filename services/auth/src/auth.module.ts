import 'reflect-metadata';
import { ready } from '@dcp/crypto';
import { applyMigrations, type Subscription } from '@dcp/node-kit';
import { type BeforeApplicationShutdown, type DynamicModule, Module, type OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Answering } from './answering.js';
import { serveAuth } from './auth.responder.js';
import { AuthRooms } from './auth.rooms.js';
import { firstOwns, registrationOf } from './config.js';
import { SCHEMA } from './database.js';
import { migrationsFolder } from './migrations.js';
import type { Parts } from './parts.js';

const PARTS = Symbol('auth.parts');

/** Nothing is answered before the database fits; nothing is dropped half done. */
class AuthLifecycle implements OnModuleInit, BeforeApplicationShutdown {
  readonly #answering: Answering;
  #checks: Subscription[] = [];

  constructor(
    private readonly parts: Parts,
    private readonly rooms: AuthRooms,
  ) {
    this.#answering = new Answering(parts.bus);
  }

  async onModuleInit(): Promise<void> {
    const { pool, logger, bus, health, config } = this.parts;
    await applyMigrations({ pool, schema: SCHEMA, folder: migrationsFolder, logger });
    serveAuth(this.#answering, this.rooms);
    this.#checks = [
      health.register('auth.bus', () => {
        if (bus.state !== 'connected') throw new Error(`the bus is ${bus.state}`);
      }),
      health.register('auth.database', async () => {
        await pool.query('select 1');
      }),
    ];
    this.rooms.sweeper.start(config.sweepMs);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#answering.stop();
    await this.rooms.sweeper.stop();
    for (const check of this.#checks.splice(0)) check.unsubscribe();
    await this.rooms.prisma.$disconnect();
  }
}

/** Accounts, devices, sessions. Mounted alone by `main.ts`, beside others by a home node in one process. */
@Module({})
export class AuthModule {
  /** The crypto library must be `ready()`. */
  static register(parts: Parts, rooms: AuthRooms): DynamicModule {
    const lifecycle = {
      provide: AuthLifecycle,
      useFactory: (given: Parts) => new AuthLifecycle(given, rooms),
      inject: [PARTS],
    };
    return { module: AuthModule, providers: [{ provide: PARTS, useValue: parts }, lifecycle] };
  }
}

export interface RunningAuth {
  nodeId: string;
  registration: string;
  /** The invite that makes its bearer the owner; undefined when there is one, or when the first account will be it. */
  ownerInvite(): Promise<string | undefined>;
  countAccounts(): Promise<number>;
  /** Serves nothing new, finishes what runs. The parts stay open and are their owner's to close. */
  stop(): Promise<void>;
}

/** The module, up and serving. */
export async function startAuth(parts: Parts): Promise<RunningAuth> {
  await ready();
  const rooms = new AuthRooms(parts);
  const app = await NestFactory.createApplicationContext(AuthModule.register(parts, rooms), {
    logger: false,
    abortOnError: false,
  });
  const registration = registrationOf(parts.config);
  return {
    nodeId: rooms.key.nodeId,
    registration,
    countAccounts: () => rooms.accounts.count(),
    ownerInvite: async () => {
      if (await rooms.accounts.hasOwner()) return undefined;
      return firstOwns(parts.config) ? undefined : rooms.invites.forOwner();
    },
    stop: () => app.close(),
  };
}
