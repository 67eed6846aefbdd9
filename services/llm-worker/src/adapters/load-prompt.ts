import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parseJudgePrompt, type JudgePrompt } from '../core/judge-prompt.ts';

/** The version in use. A change of its text is a new file: its digest stands in every judgement and calibration. */
const PROMPT_FILE = 'judge-v1.md';

/** The prompt and the digest of its file. `prompts/` lies beside `src/` and `dist/` alike. */
export async function loadPrompt(): Promise<JudgePrompt> {
  const bytes = await readFile(new URL(`../../prompts/${PROMPT_FILE}`, import.meta.url));
  return parseJudgePrompt(bytes.toString('utf8'), createHash('sha256').update(bytes).digest('hex'));
}
