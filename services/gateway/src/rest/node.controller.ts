import { AUTH, FEDERATION } from '@dcp/contracts';
import type { Bus } from '@dcp/node-kit';
import { meetNode, parseWith } from '@dcp/protocol';
import { Body, Controller, Get, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { MEET_COST, MEET_MS } from '../commands/meet-node.js';
import { BUS } from '../tokens.js';
import { NodeDocumentSource } from './node-document.js';
import { openApiDocument } from './openapi.js';
import { RestContext } from './rest-context.js';

/** What anybody may know of the node. */
@Controller()
export class NodeController {
  private readonly documents: NodeDocumentSource;

  constructor(
    private readonly context: RestContext,
    @Inject(BUS) private readonly bus: Bus,
  ) {
    this.documents = new NodeDocumentSource(bus);
  }

  /** The node's description, how one registers, and the salt of a proof of work where one is asked. */
  @Get('api/v1/node')
  async node(@Req() request: FastifyRequest): Promise<object> {
    this.context.origin(request);
    const { info, policy } = await this.bus.request(AUTH.node, {});
    return { node_info: info, ...policy };
  }

  /** As the command `meet_node`. */
  @Post('api/v1/nodes')
  @HttpCode(200)
  async meet(@Req() request: FastifyRequest, @Body() body: unknown): Promise<object> {
    this.context.session(request, MEET_COST);
    const { via } = parseWith(meetNode, body);
    return await this.bus.request(FEDERATION.meet, { via }, { timeoutMs: MEET_MS });
  }

  @Get('api/v1/openapi.json')
  openApi(): object {
    return openApiDocument();
  }

  @Get('.well-known/dcp/node.json')
  async document(@Req() request: FastifyRequest): Promise<object> {
    this.context.origin(request);
    return await this.documents.get();
  }

  @Get('.well-known/jwks.json')
  async jwks(@Req() request: FastifyRequest): Promise<object> {
    this.context.origin(request);
    return await this.bus.request(AUTH.jwks, {});
  }

  /** RFC 9116. */
  @Get('.well-known/security.txt')
  @Header('content-type', 'text/plain; charset=utf-8')
  securityTxt(): string {
    const expires = new Date(Date.now() + 180 * 86_400_000).toISOString();
    return `Contact: https://github.com/KennySmash/dcp/security\nPolicy: https://github.com/KennySmash/dcp/blob/main/SECURITY.md\nPreferred-Languages: en\nExpires: ${expires}\n`;
  }
}
