import { Module, type DynamicModule } from '@nestjs/common';
import { ChannelDirectory } from './posts/channel-directory.js';
import { PostBatcher } from './posts/post-batcher.js';
import { PresenceService } from './presence/presence.service.js';
import { RemotePresenceService } from './presence/remote-presence.service.js';
import { AccountsController } from './rest/accounts.controller.js';
import { AdminController } from './rest/admin.controller.js';
import { AuthController } from './rest/auth.controller.js';
import { BackupController } from './rest/backup.controller.js';
import { ChannelHomeController } from './rest/channel-home.controller.js';
import { ChannelsController } from './rest/channels.controller.js';
import { FederationController } from './rest/federation.controller.js';
import { NodeController } from './rest/node.controller.js';
import { ReportsController } from './rest/reports.controller.js';
import { RestContext } from './rest/rest-context.js';
import { TrustController } from './rest/trust.controller.js';
import { UsersController } from './rest/users.controller.js';
import { ClientGateway } from './sockets/client.gateway.js';
import { FrameLoop } from './sockets/frame-loop.js';
import type { GatewayInside, GatewayParts } from './parts.js';
import { BUS } from './tokens.js';
import { LocalUsers } from './users/local-users.js';

/** The doors: REST controllers and the socket gateway, over parts that are put together outside of Nest. */
@Module({})
export class GatewayModule {
  static register(parts: GatewayParts, inside: GatewayInside): DynamicModule {
    return {
      module: GatewayModule,
      controllers: [
        AccountsController,
        AdminController,
        AuthController,
        BackupController,
        ChannelHomeController,
        ChannelsController,
        FederationController,
        NodeController,
        ReportsController,
        TrustController,
        UsersController,
      ],
      providers: [
        ClientGateway,
        { provide: BUS, useValue: parts.bus },
        { provide: RestContext, useValue: inside.rest },
        { provide: PresenceService, useValue: inside.presence },
        { provide: RemotePresenceService, useValue: inside.remotePresence },
        { provide: ChannelDirectory, useValue: inside.directory },
        { provide: PostBatcher, useValue: inside.batcher },
        { provide: LocalUsers, useValue: inside.users },
        { provide: FrameLoop, useValue: inside.loop },
      ],
    };
  }
}
