import { DcpError } from '@dcp/protocol';

export interface Refused {
  code: string;
  message: string;
  details: Record<string, unknown>;
}

/** Code, text and details of the DcpError that a request was answered with. */
export async function refusalOf(request: Promise<unknown>): Promise<Refused> {
  const error = await request.then(
    (answer) => new Error(`not refused: ${JSON.stringify(answer)}`),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof DcpError)) throw error;
  return { code: error.code, message: error.message, details: error.details };
}
