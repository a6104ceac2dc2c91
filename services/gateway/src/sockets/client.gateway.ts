import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FrameLoop } from './frame-loop.js';
import type { IncomingFrame } from './socket-adapter.js';

/** Where Nest hands over the frames of every client socket. */
@WebSocketGateway()
export class ClientGateway {
  constructor(private readonly loop: FrameLoop) {}

  @SubscribeMessage('frame')
  receive(@MessageBody() { connection, text }: IncomingFrame): void {
    this.loop.receive(connection, text);
  }
}
