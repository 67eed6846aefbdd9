import { describe, expect, it } from '@jest/globals';
import type { Verdict } from '@touchstone/shared/contracts/vocabulary';
import { artefactOf, judgementOf, partialOf } from '../tests/fusion-fixtures.ts';
import { fuse } from './fuse.ts';
import { logit, sigmoid } from './log-odds.ts';

const GRID = [0, 0.0004, 0.05, 0.14, 0.2, 0.5, 0.8, 0.86, 0.97, 1];
const SUSPICION: Record<Verdict, number> = {
  authentic: 0,
  not_applicable: 0,
  inconclusive: 1,
  unable_to_evaluate: 1,
  manipulated: 2,
};

describe('fuse without a calibration', () => {
  const verdictOf = (...scores: [number | null, number | null]) =>
    fuse(null, [partialOf('sbi', scores[0]), partialOf('distildire', scores[1])], null);

  it('takes the mean of the log-odds, and says that it is not calibrated', () => {
    const fusion = verdictOf(0.9, 0.6);
    expect(fusion.probability).toBeCloseTo(sigmoid((logit(0.9, 1e-4) + logit(0.6, 1e-4)) / 2), 12);
    expect(fusion).toMatchObject({ calibrated: false, operatingPoint: null });
    expect([...fusion.contributions.values()].reduce((a, b) => a + b)).toBeCloseTo(logit(fusion.probability!, 1e-9), 9);
  });

  it.each([
    [0.99, 0.95, 'manipulated', ['detectors_agree']],
    [0.02, 0.05, 'authentic', ['detectors_agree']],
    [0.5, 0.5, 'inconclusive', ['detectors_agree', 'within_default_band']],
    [0.95, 0.05, 'inconclusive', ['detectors_disagree', 'within_default_band']],
    [null, 0.95, 'manipulated', ['single_detector']],
    [null, 0.5, 'inconclusive', ['single_detector', 'within_default_band']],
  ] as const)('scores %s and %s make %s, because %j', (sbi, distildire, verdict, reasons) => {
    expect(verdictOf(sbi, distildire)).toMatchObject({ verdict, reasons });
  });

  it('stays inconclusive exactly on the thresholds', () => {
    expect(fuse(null, [partialOf('distildire', 0.15)], null).verdict).toBe('inconclusive');
    expect(fuse(null, [partialOf('distildire', 0.85)], null).verdict).toBe('inconclusive');
  });

  it('needs more of nine faces than of one', () => {
    const one = fuse(null, [partialOf('sbi', 0.95)], null);
    const nine = fuse(null, [partialOf('sbi', 0.95, { scored_regions: 9 })], null);
    expect(one.verdict).toBe('manipulated');
    expect(nine.verdict).toBe('inconclusive');
    expect(nine.probability).toBeCloseTo(sigmoid(logit(0.95, 1e-4) - Math.log(9)), 12);
  });

  it('gives no probability where no detector is applicable', () => {
    expect(fuse(null, [partialOf('sbi', null)], null)).toMatchObject({
      verdict: 'not_applicable',
      probability: null,
      reasons: ['no_applicable_detector'],
    });
  });

  it('is unable to evaluate what cannot be decoded', () => {
    const broken = { status: 'failed', reason: 'undecodable', image: null } as const;
    const partials = [partialOf('sbi', null, broken), partialOf('distildire', null, broken)];
    expect(fuse(null, partials, null)).toMatchObject({ verdict: 'unable_to_evaluate', reasons: ['undecodable'] });
  });

  it('stays below the quorum when detectors broke, or when only the LLM answered', () => {
    const failed = { status: 'failed', reason: 'runtime_error' } as const;
    const broken = [partialOf('sbi', null, failed), partialOf('distildire', null, failed)];
    expect(fuse(null, broken, null)).toMatchObject({ verdict: 'inconclusive', reasons: ['below_quorum'] });
    expect(fuse(null, [...broken, partialOf('llm', 0.99)], null)).toMatchObject({
      verdict: 'inconclusive',
      probability: null,
    });
  });

  it('lets a certain LLM raise a doubt, and do nothing else', () => {
    const cnn = [partialOf('sbi', 0.02), partialOf('distildire', 0.05)];
    const alone = fuse(null, cnn, null);
    expect(fuse(null, [...cnn, partialOf('llm', 0.79)], null)).toEqual(alone);
    const doubted = fuse(null, [...cnn, partialOf('llm', 0.8)], null);
    expect(doubted).toMatchObject({ verdict: 'inconclusive', reasons: ['detectors_disagree'] });
    expect(doubted.probability).toBe(alone.probability);
  });

  it.each(['authentic', 'inconclusive'] as const)(
    'has no doubt from an LLM that says %s, whatever its number',
    (said) => {
      const cnn = [partialOf('sbi', 0.02), partialOf('distildire', 0.05)];
      const llm = partialOf('llm', 0.99, { judgement: judgementOf(said) });
      expect(fuse(null, [...cnn, llm], null).verdict).toBe('authentic');
    },
  );
});

describe('fuse with a calibration', () => {
  const artefact = artefactOf();

  it('uses the weights of the subset that answered', () => {
    const z = (score: number) => 2 * logit(score, 0.001) + 0.5;
    const both = fuse(artefact, [partialOf('sbi', 0.6), partialOf('distildire', 0.7)], null);
    expect(both.probability).toBeCloseTo(sigmoid(-0.25 + 0.5 * z(0.6) + 0.75 * z(0.7)), 12);
    const one = fuse(artefact, [partialOf('sbi', null), partialOf('distildire', 0.7)], null);
    expect(one.probability).toBeCloseTo(sigmoid(z(0.7)), 12);
    expect(one).toMatchObject({ calibrated: true, operatingPoint: { id: 'fpr_5pct', lo: 0.3, hi: 0.7, n_real: 500 } });
  });

  it('moves the thresholds with the operating point', () => {
    const partials = [partialOf('distildire', 0.6)];
    expect(fuse(artefact, partials, 'fpr_5pct').verdict).toBe('manipulated');
    expect(fuse(artefact, partials, 'fpr_1pct')).toMatchObject({
      verdict: 'inconclusive',
      operatingPoint: { id: 'fpr_1pct' },
      reasons: ['single_detector', 'within_conformal_band'],
    });
  });

  it('is refused for other weights than those it was fitted for', () => {
    const detector = { id: 'other', version: '2.0.0', weights_sha256: 'e'.repeat(64), provider: 'cpu' };
    const partials = [partialOf('sbi', 0.9, { detector }), partialOf('distildire', 0.9)];
    expect(fuse(artefact, partials, null)).toMatchObject({ calibrated: false, operatingPoint: null });
  });

  it('decides nothing at an open end, and takes the middle of thresholds that cross', () => {
    const open = artefactOf();
    open.subsets['distildire']!.bands['fpr_5pct']!.cnn = { lo: null, hi: null };
    expect(fuse(open, [partialOf('distildire', 1)], null).verdict).toBe('inconclusive');
    expect(fuse(open, [partialOf('distildire', 0)], null).verdict).toBe('inconclusive');
    open.subsets['distildire']!.bands['fpr_5pct']!.cnn = { lo: 0.8, hi: 0.2 };
    expect(fuse(open, [partialOf('distildire', 0.55)], null).verdict).toBe('manipulated');
    expect(fuse(open, [partialOf('distildire', 0.35)], null).verdict).toBe('authentic');
  });

  it('shows the band that decided when the LLM raised the verdict', () => {
    const cnn = [partialOf('distildire', 0.5)];
    expect(fuse(artefact, cnn, null).verdict).toBe('inconclusive');
    expect(fuse(artefact, [...cnn, partialOf('llm', 0.99)], null)).toMatchObject({
      verdict: 'manipulated',
      operatingPoint: { hi: 0.75 },
    });
  });

  it.each([
    ['another model', { model: 'other' }],
    ['another prompt', { prompt_sha256: 'f'.repeat(64) }],
  ])('has no term for the LLM of %s: it raises a doubt and nothing else', (_what, more) => {
    const llm = partialOf('llm', 0.99, { judgement: judgementOf('manipulated', more) });
    const open = [partialOf('distildire', 0.5)];
    expect(fuse(artefact, [...open, llm], null)).toEqual(fuse(artefact, open, null));
    const low = [partialOf('distildire', 0.01)];
    const doubted = fuse(artefact, [...low, llm], null);
    expect(fuse(artefact, low, null).verdict).toBe('authentic');
    expect(doubted).toMatchObject({ verdict: 'inconclusive', operatingPoint: { lo: 0.3, hi: 0.7 } });
    expect(doubted.reasons).toContain('detectors_disagree');
    expect(doubted.probability).toBe(fuse(artefact, low, null).probability);
  });
});

describe.each([
  ['without a calibration', null],
  ['with a calibration', artefactOf()],
])('properties of fuse %s', (_name, artefact) => {
  it('never becomes less suspicious when a detector score rises', () => {
    for (const fixed of [null, ...GRID]) {
      for (const slot of ['sbi', 'distildire'] as const) {
        const other = partialOf(slot === 'sbi' ? 'distildire' : 'sbi', fixed);
        const results = GRID.map((score) => fuse(artefact, [partialOf(slot, score), other], null));
        for (const [i, higher] of results.entries()) {
          const lower = results[Math.max(0, i - 1)]!;
          expect(higher.probability).toBeGreaterThanOrEqual(lower.probability!);
          expect(SUSPICION[higher.verdict]).toBeGreaterThanOrEqual(SUSPICION[lower.verdict]);
        }
      }
    }
  });

  it('never becomes less suspicious by anything that the LLM says', () => {
    const answers = [
      ...GRID.map((score) => partialOf('llm', score)),
      partialOf('llm', null, { status: 'refused', reason: 'refusal' }),
      partialOf('llm', null, { status: 'failed', reason: 'invalid_output' }),
    ];
    for (const sbi of [null, ...GRID]) {
      for (const distildire of [null, ...GRID]) {
        const cnn = [partialOf('sbi', sbi), partialOf('distildire', distildire)];
        const silent = fuse(artefact, cnn, null);
        for (const llm of answers) {
          const spoken = fuse(artefact, [...cnn, llm], null);
          expect(SUSPICION[spoken.verdict]).toBeGreaterThanOrEqual(SUSPICION[silent.verdict]);
        }
      }
    }
  });

  it('does not depend on the order of the partials', () => {
    const partials = [partialOf('sbi', 0.7), partialOf('distildire', 0.2), partialOf('llm', 0.9)];
    expect(fuse(artefact, partials.toReversed(), null)).toEqual(fuse(artefact, partials, null));
  });
});
