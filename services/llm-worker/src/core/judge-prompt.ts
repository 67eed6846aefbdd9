/** What is said to the model, to the letter. Nothing of a request ever becomes a part of it (llm-and-fusion.md A3). */
export type JudgePrompt = {
  system: string;
  /** What goes with the pictures, by why it is asked. */
  asks: Record<Manner, string>;
  sha256: string;
};

/**
 * Why a question is asked: at first, or once more after an answer that was of no use. `longer` repeats the first
 * question with room for a longer answer.
 */
export type Manner = 'first' | 'rephrased' | 'longer' | 'repair';

const SECTIONS = ['system', 'ask', 'rephrased', 'repair'] as const;

/** Reads a prompt file: one `# section` for each text. Throws when one is missing, empty or unknown. */
export function parseJudgePrompt(file: string, sha256: string): JudgePrompt {
  const [preamble = '', ...parts] = file.split(/^# /m);
  const texts = new Map(
    parts.map((part): [string, string] => {
      const end = part.indexOf('\n');
      return [part.slice(0, end).trim(), part.slice(end).trim()];
    }),
  );
  const isWhole = preamble.trim() === '' && texts.size === SECTIONS.length && parts.length === SECTIONS.length;
  if (!isWhole || SECTIONS.some((name) => !texts.get(name))) {
    throw new Error(`a prompt file has exactly the sections ${SECTIONS.join(', ')}`);
  }
  const textOf = (name: (typeof SECTIONS)[number]) => texts.get(name)!;
  const ask = textOf('ask');
  return {
    system: textOf('system'),
    asks: { first: ask, longer: ask, rephrased: textOf('rephrased'), repair: textOf('repair') },
    sha256,
  };
}
