/** Why the embedded PostgreSQL cannot run here, in words for the person who starts the node. */
export class PostgresStartError extends Error {
  override readonly name = 'PostgresStartError';
}
