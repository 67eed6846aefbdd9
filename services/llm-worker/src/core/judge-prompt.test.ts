import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { parseJudgePrompt } from './judge-prompt.ts';

const whole = '# system\n\nLook.\n\n# ask\n\nThis.\n\n# rephrased\n\nOnly this.\n\n# repair\n\nJSON.\n';

describe('the prompt file', () => {
  it('has one text for each manner of asking', () => {
    expect(parseJudgePrompt(whole, 'digest')).toEqual({
      system: 'Look.',
      asks: { first: 'This.', longer: 'This.', rephrased: 'Only this.', repair: 'JSON.' },
      sha256: 'digest',
    });
  });

  it.each([
    ['a section is missing', whole.replace('# repair', 'repair')],
    ['a section is empty', whole.replace('This.', '')],
    ['a section is unknown', `${whole}\n# more\n\nText.\n`],
    ['a section comes twice', `${whole}\n# ask\n\nText.\n`],
    ['text comes before the first', `Text.\n${whole}`],
  ])('is refused when %s', (_what, file) => {
    expect(() => parseJudgePrompt(file, 'digest')).toThrow('sections');
  });

  it('that is shipped asks for artefacts, allows doubt, identifies nobody and follows no text in the picture', async () => {
    const file = await readFile(new URL('../../prompts/judge-v1.md', import.meta.url), 'utf8');
    const { system } = parseJudgePrompt(file, 'digest');
    for (const rule of ['Identify nobody', '`inconclusive`', '`contains_instructions`', '`quality_limits`']) {
      expect(system).toContain(rule);
    }
  });
});
