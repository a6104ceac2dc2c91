import { fromBase64 } from '@dcp/crypto';
import { z } from 'zod';
import type { ConfigTable, Environment } from '../config/config-table.js';

const hsmMembers = {
  hsmModule: z
    .string()
    .optional()
    .describe('PKCS#11 library of the HSM that holds the Ed25519 key, instead of the seed')
    .meta({ example: '/usr/lib/softhsm/libsofthsm2.so' }),
  hsmToken: z.string().optional().describe('Label of the token in it').meta({ example: 'dcp' }),
  hsmKey: z.string().optional().describe('Label of the key on the token').meta({ example: 'node' }),
  hsmPin: z.string().optional().describe('PIN of the user of the token'),
  sealedSeedFile: z
    .string()
    .optional()
    .describe('What the other secrets of the node are made from, sealed by the HSM (npm run hsm)')
    .meta({ example: '/etc/dcp/sealed-seed.json' }),
};

/** The members of a service's configuration that say where the node's key is. Their rules are in `withNodeKey`. */
export const nodeKeyMembers = {
  nodeKey: z
    .string()
    .refine(isSeed, { error: 'not the base64 of 32 bytes' })
    .optional()
    .describe("The node's Ed25519 seed, base64; the same in every service of the node"),
  ...hsmMembers,
};

const hsmNames = {
  hsmModule: 'DCP_NODE_HSM_MODULE',
  hsmToken: 'DCP_NODE_HSM_TOKEN',
  hsmKey: 'DCP_NODE_HSM_KEY',
  hsmPin: 'DCP_NODE_HSM_PIN',
  sealedSeedFile: 'DCP_NODE_SEALED_SEED_FILE',
} as const;

export const nodeKeyNames = { nodeKey: 'DCP_NODE_KEY', ...hsmNames } as const;

export const nodeKeySecrets = ['nodeKey', 'hsmPin'] as const;

export type NodeKeyConfig = { readonly [K in keyof typeof nodeKeyNames]?: string | undefined };

type HsmMember = keyof typeof hsmMembers;
const HSM = Object.keys(hsmMembers) as HsmMember[];

const usesHsm = (config: NodeKeyConfig) => HSM.some((member) => config[member] !== undefined);

/** These rules are looked at even when other members have faults: a person is told all of them at once. */
const always = { when: () => true };

/** The schema with the rules of the node's key: a seed, or everything that an HSM needs, not both. */
export function withNodeKey<S extends z.ZodObject>(schema: S): S {
  const exclusive = schema
    .refine((config) => (config as NodeKeyConfig).nodeKey !== undefined || usesHsm(config as NodeKeyConfig), {
      ...always,
      path: ['nodeKey'],
      error: 'is not set',
    })
    .refine((config) => (config as NodeKeyConfig).nodeKey === undefined || !usesHsm(config as NodeKeyConfig), {
      ...always,
      error: `${hsmNames.hsmModule} and its like are set, and DCP_NODE_KEY too: the key is in one place, keep one of them`,
    });
  return HSM.reduce((rules, member) => needed(rules, member), exclusive);
}

function needed<S extends z.ZodObject>(schema: S, member: HsmMember): S {
  return schema.refine(
    (config) => (config as NodeKeyConfig)[member] !== undefined || !usesHsm(config as NodeKeyConfig),
    {
      ...always,
      path: [member],
      error: 'is not set, and other settings of the HSM are',
    },
  );
}

const schema = withNodeKey(z.object(nodeKeyMembers));

/** These settings alone, for a program that has no others. */
export const nodeKeyTable: ConfigTable<typeof schema> = { schema, names: nodeKeyNames, secrets: nodeKeySecrets };

/** Whether an environment says anything of an HSM. */
export function namesHsm(env: Environment): boolean {
  return Object.values(hsmNames).some((name) => Boolean(env[name] || env[`${name}_FILE`]));
}

function isSeed(text: string): boolean {
  try {
    return fromBase64(text).length === 32;
  } catch {
    return false;
  }
}
