import type { PostResult, Refusal } from '@dcp/contracts';
import { DcpError, type PostAck } from '@dcp/protocol';

/** The acknowledgement of an accepted post. */
export function okOf(result: PostResult | undefined): PostAck {
  if (result === undefined || !('ok' in result)) throw new Error(`refused: ${JSON.stringify(result)}`);
  return result.ok;
}

/** The refusal of a post that was not accepted. */
export function errorOf(result: PostResult | undefined): Refusal {
  if (result === undefined || !('error' in result)) throw new Error(`accepted: ${JSON.stringify(result)}`);
  return result.error;
}

/** Code and details of the DcpError that a request was answered with. */
export async function refusalOf(
  request: Promise<unknown>,
): Promise<{ code: string; details: Record<string, unknown> }> {
  const error = await request.then(
    (answer) => new Error(`not refused: ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DcpError)) throw error;
  return { code: error.code, details: error.details };
}
