import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { asError, hasErrorCode } from '@touchstone/shared/process/error-code';
import { isRunning, type ProcessMark } from '../process-mark.ts';

export type ProcessState = 'starting' | 'ready' | 'restarting';

export type ProcessReport = {
  role: string;
  /** Null while it is down. */
  pid: number | null;
  /** Tells the process from a later one with the same pid. */
  born: string | null;
  state: ProcessState;
  /** How often it was started again in this run. */
  restarts: number;
  addresses: Record<string, string>;
};

/** `<DATA_DIR>/run.json`: what runs here now. It is there exactly as long as the run, or as its sudden death. */
export type RunFile = {
  version: 1;
  started_at: string;
  supervisor: ProcessMark;
  /** Empty until Redis is known. May hold a password: the file has mode 0600. */
  redis_url: string;
  addresses: Record<string, string>;
  processes: ProcessReport[];
};

/** Null when there is none. The file is replaced as a whole, so a reader never sees half of it. */
export function readRunFile(path: string): RunFile | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as RunFile;
  } catch (error) {
    if (hasErrorCode(error, 'ENOENT')) return null;
    throw error;
  }
}

export type OpenRunFile = {
  /** What the run before wrote when it was killed. */
  previous: RunFile | null;
  /** Never throws: a run that cannot be described (a full disk) goes on. */
  write(content: RunFile): void;
  close(): void;
};

/**
 * Claims the data for this run, create-only; throws when a run that lives has claimed it. `onProblem` hears why the
 * file cannot be written any more, once until it can be again.
 */
export function openRunFile(
  path: string,
  content: RunFile,
  onProblem: (problem: string) => void = () => undefined,
): OpenRunFile {
  const draft = `${path}.${process.pid}`;
  const write = (next: RunFile) => writeFileSync(draft, `${JSON.stringify(next, null, 2)}\n`, { mode: 0o600 });
  const previous = claim();
  let failing = false;
  return {
    previous,
    write(next) {
      try {
        write(next);
        renameSync(draft, path);
        failing = false;
      } catch (error) {
        if (!failing) onProblem(asError(error).message);
        failing = true;
        removeDraft();
      }
    },
    close: () => rmSync(path, { force: true }),
  };

  function removeDraft(): void {
    try {
      rmSync(draft, { force: true });
    } catch {
      // The next write replaces it.
    }
  }

  function claim(): RunFile | null {
    let dead: RunFile | null = null;
    try {
      write(content);
      for (;;) {
        try {
          linkSync(draft, path);
          return dead;
        } catch (error) {
          if (!hasErrorCode(error, 'EEXIST')) throw error;
          dead = removeDead() ?? dead;
        }
      }
    } finally {
      removeDraft();
    }
  }

  function removeDead(): RunFile | null {
    refuseLiving(readJudged(path));
    // What is taken away may be newer than what was judged, when two starts meet here: then it is put back.
    const aside = `${draft}.dead`;
    try {
      renameSync(path, aside);
    } catch (error) {
      if (hasErrorCode(error, 'ENOENT')) return null;
      throw error;
    }
    try {
      const taken = readJudged(aside);
      if (taken !== null && isRunning(taken.supervisor)) linkSync(aside, path);
      refuseLiving(taken);
      return taken;
    } finally {
      rmSync(aside, { force: true });
    }
  }

  /** A file that is no run file protects nobody. */
  function readJudged(from: string): RunFile | null {
    try {
      const read = readRunFile(from);
      return typeof read?.supervisor?.pid === 'number' ? read : null;
    } catch {
      return null;
    }
  }
}

function refuseLiving(run: RunFile | null): void {
  if (run === null || !isRunning(run.supervisor)) return;
  const where = run.addresses['public'] === undefined ? '' : ` at ${run.addresses['public']}`;
  throw new Error(
    `Touchstone already runs on this data as process ${run.supervisor.pid}${where}.\n` +
      'Stop it first, or start another copy beside it: PORT=8080 OPS_PORT=8081 DATA_DIR=.data-2 npm start',
  );
}
