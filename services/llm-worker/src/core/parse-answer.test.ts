import { describe, expect, it } from '@jest/globals';
import { Judgement, JUDGEMENT_LIMITS } from '@touchstone/shared/contracts/judgement';
import { answerOf } from '../../tests/support/judge-server.ts';
import { cutText, parseAnswer } from './parse-answer.ts';

const parse = (value: unknown) => parseAnswer(JSON.stringify(value));

describe('parsing an answer', () => {
  it('gives back what fits the schema', () => {
    expect(parse(answerOf())).toEqual(answerOf());
  });

  it.each([
    ['prose', 'The picture is fake.'],
    ['a code fence', `\`\`\`json\n${JSON.stringify(answerOf())}\n\`\`\``],
    ['two objects', JSON.stringify(answerOf()).repeat(2)],
    ['a list', JSON.stringify([answerOf()])],
    ['nothing', ''],
    ['a probability of 2', JSON.stringify(answerOf({ fake_probability: 2 }))],
    ['a negative probability', JSON.stringify(answerOf({ fake_probability: -0.1 }))],
    ['a probability in words', JSON.stringify({ ...answerOf(), fake_probability: '0.9' })],
    ['another verdict', JSON.stringify({ ...answerOf(), verdict: 'fake' })],
    ['a box of three', JSON.stringify(answerOf({ artifacts: [{ ...answerOf().artifacts[0]!, box: [0, 0, 1] }] }))],
    ['a box in px', JSON.stringify(answerOf({ artifacts: [{ ...answerOf().artifacts[0]!, box: [0, 0, 50, 50] }] }))],
    ['a key too many', JSON.stringify({ ...answerOf(), score: 1 })],
    ['a key too few', JSON.stringify({ ...answerOf(), contains_instructions: undefined })],
  ])('takes no %s', (_what, text) => {
    expect(parseAnswer(text)).toBeNull();
  });

  it('cuts words and lists instead of refusing them', () => {
    const artifact = { ...answerOf().artifacts[0]!, region: 'r'.repeat(900), evidence: 'line\u0000one\n'.repeat(99) };
    const answer = parse(answerOf({ artifacts: Array.from({ length: 40 }, () => artifact) }));
    expect(answer?.artifacts).toHaveLength(JUDGEMENT_LIMITS.artifacts);
    expect(answer?.artifacts[0]?.region).toHaveLength(JUDGEMENT_LIMITS.regionChars);
    expect(answer?.artifacts[0]?.evidence).toHaveLength(JUDGEMENT_LIMITS.evidenceChars);
    expect(answer?.artifacts[0]?.evidence).not.toMatch(/\p{Cc}/u);
    expect(Judgement.shape.artifacts.safeParse(answer?.artifacts).success).toBe(true);
  });

  it('never cuts a character in half', () => {
    expect(cutText('ab\u{1f600}', 3)).toBe('ab');
    expect(cutText('ab\u{1f600}', 4)).toBe('ab\u{1f600}');
  });

  it('never throws and never lets anything through that the contract does not know, whatever the text', () => {
    const text = JSON.stringify(answerOf());
    let seed = 1;
    const random = (below: number) => (seed = Math.imul(seed, 48_271) >>> 0) % below;
    let taken = 0;
    for (let i = 0; i < 5_000; i++) {
      const at = random(text.length);
      const mutated = text.slice(0, at) + String.fromCharCode(32 + random(95)) + text.slice(at + random(4));
      const answer = parseAnswer(mutated);
      if (answer === null) continue;
      taken++;
      expect(answer.fake_probability).toBeGreaterThanOrEqual(0);
      expect(answer.fake_probability).toBeLessThanOrEqual(1);
      expect(Object.keys(answer)).toEqual(Object.keys(answerOf()));
    }
    expect(taken).toBeGreaterThan(0);
  });
});
