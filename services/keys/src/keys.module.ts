import 'reflect-metadata';
import { AUTH, FEDERATION } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import { applyMigrations, type Subscription } from '@dcp/node-kit';
import { type BeforeApplicationShutdown, type DynamicModule, Module, type OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Answering } from './answering.js';
import { SCHEMA } from './database.js';
import { serveKeys } from './keys.responder.js';
import { KeysRooms } from './keys.rooms.js';
import { migrationsFolder } from './migrations.js';
import type { Parts } from './parts.js';

const PARTS = Symbol('keys.parts');

/** Nothing is answered before the database fits; nothing is dropped half done. */
class KeysLifecycle implements OnModuleInit, BeforeApplicationShutdown {
  readonly #answering: Answering;
  readonly #rooms: KeysRooms;
  #subscriptions: Subscription[] = [];

  constructor(private readonly parts: Parts) {
    this.#answering = new Answering(parts.bus);
    this.#rooms = new KeysRooms(parts);
  }

  async onModuleInit(): Promise<void> {
    const { pool, logger, bus, health, config } = this.parts;
    await applyMigrations({ pool, schema: SCHEMA, folder: migrationsFolder, logger });
    serveKeys(this.#answering, this.#rooms);
    this.#subscriptions = [
      bus.subscribe(AUTH.devicesChanged, (event) => this.#rooms.forget.heard(event), SCHEMA),
      bus.subscribe(FEDERATION.linkUp, ({ node_id }) => void this.#rooms.relay.wake(node_id), SCHEMA),
      health.register('keys.bus', () => {
        if (bus.state !== 'connected') throw new Error(`the bus is ${bus.state}`);
      }),
      health.register('keys.database', async () => {
        await pool.query('select 1');
      }),
    ];
    this.#rooms.sweeper.start(config.sweepMs);
    this.#rooms.relay.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    await this.#answering.stop();
    await this.#rooms.sweeper.stop();
    await this.#rooms.relay.stop();
    await this.#rooms.forget.settled();
    await this.#rooms.prisma.$disconnect();
  }
}

/** Prekeys, device queues, sealed backup. Mounted alone by `main.ts`, beside others by a home node in one process. */
@Module({})
export class KeysModule {
  /** The crypto library must be `ready()`. */
  static register(parts: Parts): DynamicModule {
    const lifecycle = {
      provide: KeysLifecycle,
      useFactory: (given: Parts) => new KeysLifecycle(given),
      inject: [PARTS],
    };
    return { module: KeysModule, providers: [{ provide: PARTS, useValue: parts }, lifecycle] };
  }
}

export interface RunningKeys {
  /** Serves nothing new, finishes what runs. The parts stay open and are their owner's to close. */
  stop(): Promise<void>;
}

/** The module, up and serving. */
export async function startKeys(parts: Parts): Promise<RunningKeys> {
  await ready();
  const app = await NestFactory.createApplicationContext(KeysModule.register(parts), {
    logger: false,
    abortOnError: false,
  });
  return { stop: () => app.close() };
}
