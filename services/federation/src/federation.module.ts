import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { ready } from '@dcp/crypto';
import { applyMigrations, type Subscription } from '@dcp/node-kit';
import { type BeforeApplicationShutdown, type DynamicModule, Module, type OnModuleInit } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Answering } from './answering.js';
import { createPrisma, SCHEMA } from './database.js';
import { readKnownNodes } from './discovery/known-nodes.js';
import { serveFederation } from './federation.responder.js';
import { FederationRooms } from './federation.rooms.js';
import { migrationsFolder } from './migrations.js';
import type { TlsIdentity } from './node/certificate.js';
import type { Parts } from './parts.js';

const PARTS = Symbol('federation.parts');

/** Nothing is answered before the database fits and the port is open; links end before what they need. */
export class FederationLifecycle implements OnModuleInit, BeforeApplicationShutdown {
  readonly #answering: Answering;
  #rooms: FederationRooms | undefined;
  #subscriptions: Subscription[] = [];

  constructor(private readonly parts: Parts) {
    this.#answering = new Answering(parts.bus);
  }

  get rooms(): FederationRooms {
    if (this.#rooms === undefined) throw new Error('the federation service has not started');
    return this.#rooms;
  }

  async onModuleInit(): Promise<void> {
    const { pool, logger, config } = this.parts;
    await applyMigrations({ pool, schema: SCHEMA, folder: migrationsFolder, logger });
    const known = await readKnownNodes(config.knownNodesFile);
    this.#rooms = new FederationRooms(this.parts, createPrisma(pool), known);
    await this.rooms.openListener(await this.#tls());
    this.#subscriptions = this.#checks();
    serveFederation(this.#answering, this.rooms);
    this.rooms.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe();
    await this.#answering.stop();
    await this.#rooms?.stop();
    await this.#rooms?.prisma.$disconnect();
  }

  async #tls(): Promise<TlsIdentity> {
    const { tlsCertFile, tlsKeyFile } = this.parts.config;
    if (tlsCertFile === undefined || tlsKeyFile === undefined) return await this.rooms.ownTls();
    return { certificate: await readFile(tlsCertFile, 'utf8'), privateKey: await readFile(tlsKeyFile, 'utf8') };
  }

  #checks(): Subscription[] {
    const { health, bus, pool } = this.parts;
    return [
      health.register('federation.bus', () => {
        if (bus.state !== 'connected') throw new Error(`the bus is ${bus.state}`);
      }),
      health.register('federation.database', async () => {
        await pool.query('select 1');
      }),
      health.register('federation.trust', () => {
        if (!this.rooms.trust.loaded) throw new Error('the levels of other nodes are not known yet');
      }),
    ];
  }
}

/** Links to other nodes. Mounted alone by `main.ts`, beside others by a home node in one process. */
@Module({})
export class FederationModule {
  /** The crypto library must be `ready()`. */
  static register(parts: Parts): DynamicModule {
    const lifecycle = {
      provide: FederationLifecycle,
      useFactory: (given: Parts) => new FederationLifecycle(given),
      inject: [PARTS],
    };
    return { module: FederationModule, providers: [{ provide: PARTS, useValue: parts }, lifecycle] };
  }
}

export interface RunningFederation {
  nodeId: string;
  /** The port for other nodes. */
  port: number;
  /** Ends the links and serves nothing new. The parts stay open and are their owner's to close. */
  stop(): Promise<void>;
}

/** The module, up and serving. */
export async function startFederation(parts: Parts): Promise<RunningFederation> {
  await ready();
  const app = await NestFactory.createApplicationContext(FederationModule.register(parts), {
    logger: false,
    abortOnError: false,
  });
  const { rooms } = app.get(FederationLifecycle);
  return { nodeId: rooms.key.nodeId, port: rooms.doorplate().port, stop: () => app.close() };
}
