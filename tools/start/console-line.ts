const MAX_CHARS = 200;
const SHOWN_LEVELS: ReadonlySet<string> = new Set(['warn', 'error', 'fatal']);
/** pino writes the level as a word here; the cheap look spares parsing every line of a busy service. */
const WORTH_SHOWING = /"level":"(warn|error|fatal)"/;

/** What comes past the logger is a complaint of Node's, or of a `main.ts`; its stack is for the log file. */
const COMPLAINT = /^(?!at ).*(error|warning|could not|failed|fatal)\b/i;

/** What the console shows of one line that a child wrote: warnings and worse, short; null for all else. */
export function toConsoleLine(stream: 'stdout' | 'stderr', line: string): string | null {
  if (line.startsWith('{')) return WORTH_SHOWING.test(line) ? describeRecord(line) : null;
  return stream === 'stderr' && COMPLAINT.test(line.trim()) ? shorten(line.trim()) : null;
}

/** Whether a line tells something to a person who asks why a process ended. */
export function isTelling(line: string): boolean {
  return !/^\s*(at |node:|\^|$)|^Node\.js v/.test(line);
}

function describeRecord(line: string): string | null {
  let record: {
    level?: unknown;
    msg?: unknown;
    slot?: unknown;
    problem?: unknown;
    reason?: unknown;
    err?: { message?: unknown } | null;
  };
  try {
    record = JSON.parse(line) as typeof record;
  } catch {
    return shorten(line);
  }
  if (typeof record.level !== 'string' || !SHOWN_LEVELS.has(record.level)) return null;
  const where = typeof record.slot === 'string' ? ` (${record.slot})` : '';
  const words = [record.msg, record.problem, record.reason, record.err?.message].filter(
    (part) => typeof part === 'string',
  );
  const [first = '', ...causes] = new Set(words);
  return shorten(`${record.level}: ${[first + where, ...causes].join(': ')}`);
}

function shorten(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return line.length > MAX_CHARS ? `${line.slice(0, MAX_CHARS - 1)}…` : line;
}
