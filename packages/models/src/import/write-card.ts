import type { Manifest } from '../manifest.ts';
import type { ImportedDetector } from './assemble-manifest.ts';
import type { ImportRecord } from './import-record.ts';
import { formatTerms, LICENCE_TERMS } from './licence-terms.ts';

/** Published figures and known differences; detectors.md 2.6, 3.5, 4.3 and 5. */
const NOTES: Record<ImportedDetector, string> = {
  sbi: `**What it looks for.** Traces of blending in faces: face swaps and re-enactment. On wholly generated images it is near chance (61.9 % accuracy in independent tests).

**Published accuracy** (authors, AUC in % over videos, trained on raw / c23): Celeb-DF 93.8 / 92.9, DFD 97.9 / 98.2, DFDC 73.0 / 72.0, DFDC preview 85.7 / 85.5, FFIW 84.5 / 83.2. An independent comparison on eight modern face swaps gives .766. Nothing of this was measured with this copy.

**Where this bundle differs from the published code.** Faces come from BlazeFace and are cut as squares of 1.25 times its box; the published code takes RetinaFace boxes, widens each side by an eighth and stretches the rectangle. Two faces were compared: the square is within the range of margins that training drew. Faces under 64 px are not scored. The network itself, the resize and the score are the published ones.`,
  distildire: `**What it looks for.** Images made by diffusion models and GANs as a whole, from the picture and from the noise that a diffusion model sees in it.

**Published accuracy** was not verified. Its ancestor DIRE scored high because real and generated images were saved in different formats; in independent tests it reaches 68.4 to 71.5 %. Expect no more of this one before you have measured it on your own images.

**Cost.** 1,120 GMAC per image, about 50 times SBI: 24 to 37 s on two CPU cores, about 3.5 GB of memory. It is meant for a GPU.

**Where this bundle differs from the published code.** The timestep is folded into the weights, which is exact to 6e-6. The centre crop of an odd number of px is rounded down, so it may lie one px beside the published one. The reduction of large images takes up to a second of CPU.`,
};

/** `CARD.md` of an imported bundle. */
export function writeCard(detector: ImportedDetector, manifest: Manifest, records: readonly ImportRecord[]): string {
  const sections = records.map(({ part, source, licence, imported_at: importedAt }) =>
    [
      '```text',
      formatTerms(LICENCE_TERMS[part]),
      '```',
      '',
      `Made of \`${source.file.replaceAll('`', '')}\` (${source.bytes} bytes, ${source.container} container, sha256 \`${source.sha256}\`) on ${importedAt}. ` +
        `Terms accepted by ${licence.accepted_by} on ${licence.accepted_at} (${licence.accepted_how}).`,
    ].join('\n'),
  );
  return `# ${manifest.id} ${manifest.version}

${NOTES[detector]}

**Not calibrated.** A calibration fitted for other weights is refused for these: fit one with \`npm run calibrate\` before you use operating points.

**Golden vectors** were computed on the CPU of the machine that imported the weights. They show that another machine computes the same, not that the detector is right.

## Terms and origin

${sections.join('\n\n')}
`;
}
