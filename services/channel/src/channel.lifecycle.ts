import { CHANNEL, FEDERATION } from '@dcp/contracts';
import { applyMigrations, type Subscription } from '@dcp/node-kit';
import { Inject, Injectable, type BeforeApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { Answering } from './answering.js';
import { ChannelRooms } from './channel.rooms.js';
import { ensureSystemChannel } from './channels/system-channel.js';
import { SCHEMA } from './database.js';
import { migrationsFolder } from './migrations.js';
import { PARTS, type Parts } from './parts.js';

/**
 * Opens in the order of need and closes in the order of flow: nothing is answered before the database fits, nothing that began is
 * dropped half done.
 */
@Injectable()
export class ChannelLifecycle implements OnModuleInit, BeforeApplicationShutdown {
  readonly #answering: Answering;
  #checks: Subscription[] = [];
  #news: Subscription[] = [];

  constructor(
    @Inject(PARTS) private readonly parts: Parts,
    private readonly rooms: ChannelRooms,
  ) {
    this.#answering = new Answering(parts.bus);
  }

  async onModuleInit(): Promise<void> {
    const { pool, logger, clock } = this.parts;
    await applyMigrations({ pool, schema: SCHEMA, folder: migrationsFolder, logger });
    await ensureSystemChannel({ pool, key: this.rooms.key, clock, logger });
    this.rooms.publisher.start();
    for (const responder of this.rooms.responders) responder.serve(this.#answering);
    const { deviceNews, authorKeys, sender, filler, banned, homes, channels } = this.rooms;
    this.#news = [
      deviceNews.listen(),
      deviceNews.listenAll((userId) => authorKeys.forget(userId)),
      this.parts.bus.subscribe(CHANNEL.homeMoved, ({ channel_id }) => {
        homes.forget(channel_id);
        channels.forget(channel_id);
      }),
      this.parts.bus.subscribe(FEDERATION.linkUp, ({ node_id }) => sender.heard(node_id)),
    ];
    sender.start();
    filler.start();
    banned.start();
    this.#checks = this.#registerChecks();
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const news of this.#news.splice(0)) news.unsubscribe();
    this.rooms.banned.stop();
    await this.#answering.stop();
    await this.rooms.filler.stop();
    await this.rooms.sender.stop();
    await this.rooms.commits.idle();
    await this.rooms.publisher.stop();
    await this.rooms.prisma.$disconnect();
    for (const check of this.#checks.splice(0)) check.unsubscribe();
  }

  #registerChecks(): Subscription[] {
    const { bus, pool, health } = this.parts;
    const isConnected = () => {
      if (bus.state !== 'connected') throw new Error(`the bus is ${bus.state}`);
    };
    const answers = async () => {
      await pool.query('select 1');
    };
    return [health.register('channel.bus', isConnected), health.register('channel.database', answers)];
  }
}
