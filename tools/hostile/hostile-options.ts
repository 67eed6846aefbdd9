import { parseArgs } from 'node:util';

export type HostileOptions = {
  folders: string[];
  /** Undefined: a system of its own. */
  url: string | undefined;
  /** Where that system keeps its data: with it, its processes and logs are watched. */
  dataDir: string | undefined;
  apiKey: string | undefined;
  concurrency: number;
  jsonPath: string | undefined;
};

export const USAGE = `npm run hostile -- FOLDER... [options]
  feeds every file below the folders to a system, also those inside of .tar.gz, and tells what became of it
  --url URL         a running system; unless told otherwise, one is started with its data in a temporary folder
  --data-dir DIR    of that system: its processes, memory and logs are watched as well
  --key KEY         an API key of that system with detect:write and detect:read
  --concurrency N   files underway at once, 2 unless told otherwise: as many as a worker prepares at once
  --json FILE       writes the report for machines`;

/** Throws with the reason when an option is not understood. */
export function parseHostileOptions(args: readonly string[]): HostileOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      url: { type: 'string' },
      'data-dir': { type: 'string' },
      key: { type: 'string' },
      concurrency: { type: 'string', default: '2' },
      json: { type: 'string' },
    },
  });
  if (positionals.length === 0) throw new Error('name at least one folder or file');
  if (values.url === undefined && (values['data-dir'] ?? values.key) !== undefined) {
    throw new Error('--data-dir and --key belong to a system that --url names');
  }
  const concurrency = Number(values.concurrency);
  if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64) {
    throw new Error('--concurrency: a whole number from 1 to 64');
  }
  return {
    folders: positionals,
    url: values.url?.replace(/\/$/, ''),
    dataDir: values['data-dir'],
    apiKey: values.key,
    concurrency,
    jsonPath: values.json,
  };
}
