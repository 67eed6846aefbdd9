import type { Partial } from '@touchstone/shared/contracts/partial';
import type { VerdictRecord } from '@touchstone/shared/contracts/verdict-record';
import type { Slot } from '@touchstone/shared/contracts/vocabulary';

const detectorName: Record<Slot, string> = {
  sbi: 'the face detector',
  distildire: 'the whole-image detector',
  llm: 'the language model',
};

const percent = (probability: number) => {
  const rounded = Math.round(probability * 100);
  return rounded === 0 ? 'under 1 %' : rounded === 100 ? 'over 99 %' : `${rounded} %`;
};

type Told = Pick<
  VerdictRecord,
  'verdict' | 'probability' | 'calibrated' | 'reasons' | 'degraded' | 'status' | 'detectors'
>;

/** One plain sentence for people: what was found, how sure it is, and what was missing. */
export function summarise(record: Told, partials: Partial[]): string {
  return `${finding(record, partials)}${caution(record)}${missing(record)}`;
}

function finding(record: Told, partials: Partial[]): string {
  const likelihood = record.probability === null ? '' : percent(record.probability);
  switch (record.verdict) {
    case 'manipulated':
      return `This image looks manipulated or generated (${likelihood}), ${saidBy(record, 'manipulated')}${whichFace(record, partials)}${butNot(record, 'manipulated')}.`;
    case 'authentic':
      return `This image looks authentic (${likelihood} likely to be manipulated), ${saidBy(record, 'authentic')}${butNot(record, 'authentic')}.`;
    case 'inconclusive':
      if (record.probability === null) return 'Nothing can be said: no detector was able to judge this image.';
      return record.reasons.includes('detectors_disagree')
        ? `The detectors disagree about this image (${likelihood} likely to be manipulated): no verdict.`
        : `The evidence is too weak for a verdict (${likelihood} likely to be manipulated).`;
    case 'not_applicable':
      return partials.some((partial) => partial.reason === 'face_too_small')
        ? 'The detectors that were asked judge faces, and all faces here are too small for them.'
        : 'The detectors that were asked judge faces, and no face was found.';
    case 'unable_to_evaluate':
      return record.status === 'expired'
        ? 'This image was not evaluated within a day, so the question was closed.'
        : 'This image could not be decoded, so nothing can be said about it.';
  }
}

type Side = 'manipulated' | 'authentic';

/** The detectors whose own probability lies on this side. */
function detectorsOn(side: Side, { detectors }: Told) {
  return detectors.flatMap(({ slot, status, probability }) =>
    status === 'completed' && probability !== null && probability >= 0.5 === (side === 'manipulated')
      ? [{ slot, probability }]
      : [],
  );
}

/** Names only those who said it: a verdict may stand against one of its detectors. */
function saidBy(record: Told, side: Side): string {
  const names = detectorsOn(side, record).map(({ slot }) => detectorName[slot]);
  return names.length === 0 ? 'all evidence taken together' : `says ${names.join(' and ')}`;
}

function butNot(record: Told, side: Side): string {
  const others = detectorsOn(side === 'manipulated' ? 'authentic' : 'manipulated', record);
  return others
    .map(({ slot, probability }) => `; ${detectorName[slot]} does not agree (${percent(probability)})`)
    .join('');
}

/** Points at the face that decided, when there is more than one. */
function whichFace(record: Told, partials: Partial[]): string {
  if (!detectorsOn('manipulated', record).some(({ slot }) => slot === 'sbi')) return '';
  const faces = partials.find((partial) => partial.slot === 'sbi')?.faces ?? [];
  const scored = faces.filter((face) => face.score !== null);
  if (scored.length < 2) return '';
  const highest = faces.reduce((best, face, i) => ((face.score ?? -1) > (faces[best]!.score ?? -1) ? i : best), 0);
  return `, most of all face ${highest + 1} of ${faces.length}`;
}

function caution(record: Told): string {
  return record.probability !== null && !record.calibrated
    ? ' The detectors are not calibrated here, so read the number as a leaning, not as a rate of error.'
    : '';
}

function missing(record: Told): string {
  if (record.degraded.length === 0 || record.verdict === 'unable_to_evaluate') return '';
  return ` Without an answer: ${record.degraded.map(({ detector }) => detectorName[detector]).join(', ')}.`;
}
