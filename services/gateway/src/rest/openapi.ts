import { ERRORS } from '@dcp/protocol';
import { z } from 'zod';
import { ROUTES, type Route } from './openapi-routes.js';

const ERROR_BODY = {
  type: 'object',
  required: ['error'],
  properties: {
    error: {
      type: 'object',
      required: ['code', 'number', 'message', 'details', 'timestamp', 'request_id'],
      properties: {
        code: { type: 'string', enum: Object.keys(ERRORS) },
        number: { type: 'integer' },
        message: { type: 'string' },
        details: { type: 'object' },
        timestamp: { type: 'string', format: 'date-time' },
        request_id: { type: 'string' },
      },
    },
  },
};

let document: object | undefined;

/** The OpenAPI 3.1 description, made from the schemas that parse the calls. */
export function openApiDocument(): object {
  document ??= {
    openapi: '3.1.0',
    info: {
      title: 'DCP home node',
      version: '1.0.0',
      description:
        'REST API of the Decentralized Chat Protocol v0.1 (§8) and of the accounts and sessions of a home node.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths: paths(),
    components: {
      securitySchemes: { session: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { Error: ERROR_BODY },
      responses: {
        Error: { description: 'What went wrong (§14.1)', content: json({ $ref: '#/components/schemas/Error' }) },
      },
    },
  };
  return document;
}

function paths(): Record<string, Record<string, object>> {
  const all: Record<string, Record<string, object>> = {};
  for (const route of ROUTES) (all[route.path] ??= {})[route.method] = operation(route);
  return all;
}

function operation(route: Route): object {
  const parameters = [...pathParameters(route.path), ...queryParameters(route.query)];
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.path.split('/')[3] ?? 'node'],
    security: route.session ? [{ session: [] }] : [],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : { requestBody: { required: true, content: json(schemaOf(route.body, 'input')) } }),
    responses: {
      [route.status]: { description: 'Done', content: json(schemaOf(route.answer, 'output')) },
      default: { $ref: '#/components/responses/Error' },
    },
  };
}

function operationId({ method, path }: Route): string {
  const words = path.replace(/^\/(api\/v1\/)?/, '').split(/[^A-Za-z0-9]+/);
  return [method, ...words.filter((word) => word !== '')].join('_');
}

function pathParameters(path: string): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
    description: name === 'channel' ? 'Name (percent-encoded, or without #) or channel id' : name,
  }));
}

function queryParameters(query: z.ZodType | undefined): object[] {
  if (query === undefined) return [];
  const { properties = {} } = schemaOf(query, 'input') as { properties?: Record<string, object> };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: false, schema }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<
    string,
    unknown
  >;
  return rest;
}

function json(schema: object): object {
  return { 'application/json': { schema } };
}
