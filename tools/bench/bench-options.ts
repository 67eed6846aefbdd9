import { parseArgs } from 'node:util';

const METHOD_IDS = ['R1', 'R2', 'R3', 'R4', 'R5', 'R6', 'R7', 'R8'] as const;
export type MethodId = (typeof METHOD_IDS)[number];
/** What is worth running on a GPU: the rest does not touch the model. */
const GPU_METHODS: readonly MethodId[] = ['R1', 'R2', 'R7'];

export type BenchOptions = {
  methods: MethodId[];
  jsonPath: string | undefined;
  slots: number;
  isQuick: boolean;
  provider: 'cpu' | 'cuda';
};

export const USAGE = `npm run bench -- [options]
  --only R1,R3   these methods alone (${METHOD_IDS.join(', ')}; R1 gives R1c as well)
  --json FILE    writes the report for machines
  --slots N      interleaved slots for each side, 5 unless told otherwise
  --quick        one short slot: shows that everything runs, measures nothing
  --gpu          ${GPU_METHODS.join(', ')} with the CUDA provider`;

/** Throws with the reason when an option is not understood. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: 'string' },
      json: { type: 'string' },
      slots: { type: 'string' },
      quick: { type: 'boolean', default: false },
      gpu: { type: 'boolean', default: false },
    },
  });
  const possible = values.gpu ? GPU_METHODS : METHOD_IDS;
  const asked = values.only?.split(',').map((name) => name.trim()) ?? possible;
  const unknown = asked.filter((name) => !possible.some((id) => id === name));
  if (unknown.length > 0) throw new Error(`--only: no method ${unknown.join(', ')}; there are ${possible.join(', ')}`);
  const slots = Number(values.slots ?? (values.quick ? 1 : 5));
  if (!Number.isInteger(slots) || slots < 1 || slots > 100) throw new Error('--slots: a whole number from 1 to 100');
  return {
    methods: possible.filter((id) => asked.includes(id)),
    jsonPath: values.json,
    slots,
    isQuick: values.quick,
    provider: values.gpu ? 'cuda' : 'cpu',
  };
}
