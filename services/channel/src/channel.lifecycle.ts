import { applyMigrations, type Subscription } from '@dcp/node-kit';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ChannelRooms } from './channel.rooms.js';
import { ensureSystemChannel } from './channels/system-channel.js';
import { SCHEMA } from './database.js';
import { migrationsFolder } from './migrations.js';
import { PARTS, type Parts } from './parts.js';

/** Opens in the order of need and closes in the order of flow: nothing is answered before the database fits, nothing is dropped half done. */
@Injectable()
export class ChannelLifecycle implements OnModuleInit, BeforeApplicationShutdown {
  #open: Subscription[] = [];

  constructor(
    @Inject(PARTS) private readonly parts: Parts,
    private readonly rooms: ChannelRooms,
  ) {}

  async onModuleInit(): Promise<void> {
    const { pool, logger, clock, bus, health } = this.parts;
    await applyMigrations({ pool, schema: SCHEMA, folder: migrationsFolder, logger });
    await ensureSystemChannel({ pool, key: this.rooms.key, clock, logger });
    this.rooms.publisher.start();
    this.#open = [
      ...this.rooms.responders.flatMap((responder) => responder.serve()),
      health.register('channel.bus', () => {
        if (bus.state !== 'connected') throw new Error(`the bus is ${bus.state}`);
      }),
      health.register('channel.database', async () => {
        await pool.query('select 1');
      }),
    ];
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const subscription of this.#open.splice(0)) subscription.unsubscribe();
    await this.rooms.commits.idle();
    await this.rooms.publisher.stop();
    await this.rooms.prisma.$disconnect();
  }
}
