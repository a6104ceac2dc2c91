import 'reflect-metadata';
import { ready } from '@dcp/crypto';
import { type DynamicModule, type INestApplicationContext, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ChannelLifecycle } from './channel.lifecycle.js';
import { ChannelRooms } from './channel.rooms.js';
import { PARTS, type Parts } from './parts.js';

/** Channels, their members and their logs. Mounted alone by `main.ts`, beside others by a home node in one process. */
@Module({})
export class ChannelModule {
  /** The crypto library must be `ready()`. Migrates its schema and serves as soon as the application is initialised. */
  static register(parts: Parts): DynamicModule {
    return {
      module: ChannelModule,
      providers: [{ provide: PARTS, useValue: parts }, ChannelRooms, ChannelLifecycle],
    };
  }
}

/** The module alone, up and serving. `close()` of the answer drains it; the parts stay open and are their owner's to close. */
export async function startChannel(parts: Parts): Promise<INestApplicationContext> {
  await ready();
  return NestFactory.createApplicationContext(ChannelModule.register(parts), { logger: false, abortOnError: false });
}
