export type FindingState = 'ok' | 'warn' | 'fail' | 'skip';

/** One thing that was looked at. */
export type Finding = {
  id: string;
  state: FindingState;
  /** What was found, on one line. */
  what: string;
  /** What to do about it. */
  advice: string | null;
  /** The same for machines; free of secrets. */
  facts: Facts;
};
export type Facts = Record<string, unknown>;

export const ok = (id: string, what: string, facts: Facts = {}): Finding => ({
  id,
  state: 'ok',
  what,
  advice: null,
  facts,
});
export const skip = (id: string, what: string, facts: Facts = {}): Finding => ({
  id,
  state: 'skip',
  what,
  advice: null,
  facts,
});
export const warn = (id: string, what: string, advice: string, facts: Facts = {}): Finding => ({
  id,
  state: 'warn',
  what,
  advice,
  facts,
});
export const fail = (id: string, what: string, advice: string, facts: Facts = {}): Finding => ({
  id,
  state: 'fail',
  what,
  advice,
  facts,
});
