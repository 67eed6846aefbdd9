import { createHash } from 'node:crypto';

/** What can be imported: the two detectors, and the diffusion model that the second one looks through. */
export const PARTS = ['sbi', 'distildire', 'adm'] as const;
export type Part = (typeof PARTS)[number];

export type LicenceTerms = {
  /** What the weights are called. */
  title: string;
  licenceId: string;
  commercialUse: 'yes' | 'no' | 'unknown';
  attribution: string;
  /** Where weights and terms were published. */
  source: string;
  /** The terms in short; the licence at the source is what binds. */
  summary: string;
};

/** As read at the named sources; detectors.md section 1. */
export const LICENCE_TERMS: Record<Part, LicenceTerms> = {
  sbi: {
    title: 'SBI (Self-Blended Images), EfficientNet-B4',
    licenceId: 'LicenseRef-SBI-academic-non-commercial',
    commercialUse: 'no',
    attribution: 'Shiohara and Yamasaki, Detecting Deepfakes with Self-Blended Images (CVPR 2022).',
    source: 'https://github.com/mapooon/SelfBlendedImages',
    summary:
      'Academic, non-commercial use only. No access for third parties: answers of these weights must not be offered to others. ' +
      'Derivatives, the converted graph among them, belong to the licensor.',
  },
  distildire: {
    title: 'DistilDIRE, student network',
    licenceId: 'CC-BY-NC-4.0',
    commercialUse: 'no',
    attribution:
      'Lim et al., DistilDIRE: A Small, Fast, Cheap and Lightweight Diffusion Synthesized Deepfake Detection (2024).',
    source: 'https://github.com/miraflow/DistilDIRE',
    summary:
      'Creative Commons Attribution-NonCommercial 4.0: no commercial use; name the authors and say that it was converted.',
  },
  adm: {
    title: 'ADM, guided diffusion 256 x 256, unconditional',
    licenceId: 'LicenseRef-ADM-research',
    commercialUse: 'no',
    attribution: 'Dhariwal and Nichol, Diffusion Models Beat GANs on Image Synthesis (2021).',
    source: 'https://github.com/openai/guided-diffusion',
    summary:
      'The code is under the MIT licence; the model card says that the models are not intended to be commercially deployed. ' +
      'Treated as research use.',
  },
};

/** The terms as they are shown, and as an acceptance refers to them. */
export function formatTerms({ title, licenceId, commercialUse, attribution, source, summary }: LicenceTerms): string {
  return [
    title,
    `  licence      ${licenceId}`,
    `  commercial   ${commercialUse}`,
    `  source       ${source}`,
    `  attribution  ${attribution}`,
    `  ${summary}`,
    '  The licence at the source is what binds; this is a summary.',
  ].join('\n');
}

export const termsSha256 = (terms: LicenceTerms) => createHash('sha256').update(formatTerms(terms)).digest('hex');
