import { spawn } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { CnnSlot } from '@touchstone/shared/contracts/vocabulary';
import { largestDifference, MAX_DIFFERENCE, measureParity, runGoldenVectors } from './measure-parity.ts';

type SmokeOptions = {
  python: string;
  /** The shared folder `data`. */
  dataFolder: string;
  /** An empty folder: checkpoints, bundles and cards go there. */
  outFolder: string;
  say: (line: string) => void;
};

const root = join(import.meta.dirname, '../..');
const DETECTORS: { slot: CnnSlot; name: string; dataset: string; checkpoint: string }[] = [
  { slot: 'sbi', name: 'sbi-lite', dataset: 'faces/dfdc', checkpoint: 'faces.pt' },
  { slot: 'distildire', name: 'distildire-lite', dataset: 'images', checkpoint: 'images.pt' },
];
const STEP_TIMEOUT_MS = 900_000;

/**
 * Both pipelines on a few pictures: the Python tests, a training with a break in its middle, the export, the bundle in
 * the code that serves, its evaluation and its card. Throws at the first step that fails.
 */
export async function runSmoke({ python, dataFolder, outFolder, say }: SmokeOptions): Promise<void> {
  const step = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    const startMs = performance.now();
    const result = await run();
    say(`${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
    return result;
  };
  const train = (module: string, ...args: string[]) =>
    runCommand(python, ['-W', 'ignore', '-m', module, ...args], import.meta.dirname, dataFolder);

  await step('python tests', () => train('unittest', 'discover', '-s', 'touchstone_training', '-t', '.'));
  await step('trained, resumed and exported', () => train('touchstone_training.smoke', 'config.json', outFolder));
  for (const { slot, name, dataset, checkpoint } of DETECTORS) {
    const bundle = join(outFolder, name);
    const report = join(outFolder, `${name}.json`);
    const cases = await step(`${name} in the code that serves`, () => measureParity(bundle, slot, dataFolder));
    const difference = largestDifference(cases);
    say(`${name}: at most ${difference.toExponential(1)} from PyTorch on ${cases.length} pictures`);
    if (difference > MAX_DIFFERENCE) throw new Error(`${name}: the serving code differs from PyTorch by ${difference}`);
    await step(`${name}, float16`, () => runGoldenVectors(join(bundle, 'fp16'), slot));
    await step(`${name}: evaluation`, () => evaluate(slot, bundle, dataset, dataFolder, report));
    await step(`${name}: card`, () => {
      const measured = ['--checkpoint', join(outFolder, checkpoint), '--report', report];
      return train('touchstone_training.write_card', `cards/${name}.md`, bundle, ...measured);
    });
    await access(join(bundle, 'CARD.md'));
  }
}

async function evaluate(
  slot: CnnSlot,
  bundle: string,
  dataset: string,
  dataFolder: string,
  report: string,
): Promise<void> {
  const few = ['--split', 'val', '--limit', '12', '--detectors', slot, '--calibration', 'none'];
  const files = [join(dataFolder, dataset, 'manifest.csv'), '--bundle', `${slot}=${bundle}`, '--json', report];
  const command = ['--conditions=@touchstone/source', 'tools/evaluate/main.ts', ...files, ...few];
  await runCommand(process.execPath, command, root, dataFolder);
}

/** Runs a command to its end; what it prints is seen. Throws when it fails, hangs or is stopped. */
async function runCommand(command: string, args: string[], cwd: string, dataFolder: string): Promise<void> {
  const child = spawn(command, args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: STEP_TIMEOUT_MS,
    // One thread: two that wait for each other are slower than one where anything else runs.
    env: { ...process.env, TRAINING_DATA: dataFolder, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' },
  });
  const stop = () => child.kill();
  process.once('exit', stop);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (...end) => resolve(end));
    });
    if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code ?? signal}`);
  } finally {
    process.removeListener('exit', stop);
  }
}
