import 'reflect-metadata';
import { FEDERATION } from '@dcp/contracts';
import { ready } from '@dcp/crypto';
import { applyMigrations, type Subscription } from '@dcp/node-kit';
import { type BeforeApplicationShutdown, type DynamicModule, Module, type OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Answering } from './answering.js';
import { SCHEMA, SERVICE } from './database.js';
import { migrationsFolder } from './migrations.js';
import type { Parts } from './parts.js';
import { serveTrust } from './trust-chain.responder.js';
import { TrustChainRooms } from './trust-chain.rooms.js';

const PARTS = Symbol('trust-chain.parts');

/** Nothing is answered before the database fits and the file of known nodes is read; nothing is dropped half done. */
class TrustChainLifecycle implements OnModuleInit, BeforeApplicationShutdown {
  readonly #answering: Answering;
  readonly #rooms: TrustChainRooms;
  #subscriptions: Subscription[] = [];

  constructor(private readonly parts: Parts) {
    this.#answering = new Answering(parts.bus);
    this.#rooms = new TrustChainRooms(parts);
  }

  async onModuleInit(): Promise<void> {
    const { pool, logger, bus, health, config, clock } = this.parts;
    await applyMigrations({ pool, schema: SCHEMA, folder: migrationsFolder, logger });
    if (config.knownNodesFile !== undefined) await this.#rooms.levels.takeFile(config.knownNodesFile);
    serveTrust(this.#answering, this.#rooms, clock);
    this.#subscriptions = [
      bus.subscribe(FEDERATION.linkUp, ({ node_id }) => void this.#rooms.sync.sync(node_id), SERVICE),
      health.register('trust-chain.bus', () => {
        if (bus.state !== 'connected') throw new Error(`the bus is ${bus.state}`);
      }),
      health.register('trust-chain.database', async () => {
        await pool.query('select 1');
      }),
    ];
    this.#rooms.sweeper.start(config.sweepMs);
    this.#rooms.sync.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    await this.#answering.stop();
    await Promise.all([this.#rooms.sync.stop(), this.#rooms.spread.stop(), this.#rooms.sweeper.stop()]);
    await this.#rooms.prisma.$disconnect();
  }
}

/** Trust levels, decisions and their log. Mounted alone by `main.ts`, beside others by a home node in one process. */
@Module({})
export class TrustChainModule {
  /** The crypto library must be `ready()`. */
  static register(parts: Parts): DynamicModule {
    const lifecycle = {
      provide: TrustChainLifecycle,
      useFactory: (given: Parts) => new TrustChainLifecycle(given),
      inject: [PARTS],
    };
    return { module: TrustChainModule, providers: [{ provide: PARTS, useValue: parts }, lifecycle] };
  }
}

export interface RunningTrustChain {
  /** Serves nothing new, finishes what runs. The parts stay open and are their owner's to close. */
  stop(): Promise<void>;
}

/** The module, up and serving. */
export async function startTrustChain(parts: Parts): Promise<RunningTrustChain> {
  await ready();
  const app = await NestFactory.createApplicationContext(TrustChainModule.register(parts), {
    logger: false,
    abortOnError: false,
  });
  return { stop: () => app.close() };
}
