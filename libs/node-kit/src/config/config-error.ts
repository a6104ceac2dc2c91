/** One setting that cannot be used: which variable, what is wrong, and a value that would do. */
export interface ConfigFault {
  variable: string;
  problem: string;
  example?: string;
}

/** Every fault of the configuration at once, in a text for the person who starts the service. Never contains a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly faults: readonly ConfigFault[];

  constructor(faults: readonly ConfigFault[]) {
    super(`The configuration cannot be used:\n${faults.map(faultLine).join('\n')}`);
    this.faults = faults;
  }
}

function faultLine({ variable, problem, example }: ConfigFault): string {
  return `  ${variable}: ${problem}${example === undefined ? '' : ` (for example ${variable}=${example})`}`;
}
