import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** Lines of a failure's message that are told again at the end. */
const LINES = 4;

/** What failed in a run, from Jest's JSON report, in words short enough for the end of a long output. */
export function failuresOf({ testResults = [] }, root) {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter(({ status }) => status === 'failed' || status === 'pending');
    if (failed.length > 0)
      return failed.map(({ fullName, failureMessages }) => told(file, fullName, failureMessages.join('\n'), root));
    return message === '' || assertionResults.length > 0 ? [] : [told(file, 'does not load', message, root)];
  });
}

function told(file, title, message, root) {
  const lines = stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '');
  const place = lines.find((line) => /^\s+at .*\.test\.ts/.test(line))?.trim();
  const words = lines.filter((line) => !/^\s+at /.test(line)).slice(0, LINES);
  return [`${file}: ${title}`, ...words.map((line) => `    ${line.trim()}`), ...(place ? [`    ${place}`] : [])]
    .join('\n')
    .replaceAll(`${root}/`, '');
}
