/** One metric family of the Prometheus text format: its samples as lines, in their order. */
export type Family = {
  name: string;
  help: string | null;
  type: string;
  /** Lines without a line end, e.g. `name_bucket{le="1"} 5`. */
  samples: string[];
};

const METRIC_NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const COMMENT = new RegExp(`^# (HELP|TYPE) (${METRIC_NAME}) (.*)$`);
const SAMPLE = new RegExp(`^(${METRIC_NAME})(?:\\{(.*)\\})? ([^ ]+)(?: -?\\d+)?$`);
const LABELS = /^(?:[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"(?:,|$))*$/;
const SUFFIXES = ['_bucket', '_sum', '_count'];

/** Reads what a process exposes; throws on the first line that is not of the format. */
export function parseExposition(text: string): Family[] {
  const families = new Map<string, Family>();
  let current: Family | undefined;
  const familyOf = (name: string): Family => {
    const known = families.get(name) ?? { name, help: null, type: 'untyped', samples: [] };
    families.set(name, known);
    return known;
  };
  for (const [i, line] of text.split('\n').entries()) {
    const [, kind, name, rest] = COMMENT.exec(line) ?? [];
    if (name !== undefined) {
      current = familyOf(name);
      if (kind === 'HELP') current.help = rest!;
      else current.type = rest!;
      continue;
    }
    if (line === '' || line.startsWith('#')) continue;
    const sample = readSample(line);
    if (sample === null) throw new Error(`line ${i + 1} is no sample`);
    if (current === undefined || !belongsTo(sample.name, current)) current = familyOf(sample.name);
    current.samples.push(line);
  }
  return [...families.values()];
}

/** Null when the line is no sample. `labels` is what stands between the braces. */
function readSample(line: string): { name: string; labels: string; value: string } | null {
  const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
  if (name === undefined || !LABELS.test(labels)) return null;
  // In any case: prom-client writes `Nan`, and Prometheus reads it.
  const isNumber = /^[+-]?(?:inf|nan)$/i.test(value!) || Number.isFinite(Number(value));
  return isNumber ? { name, labels, value: value! } : null;
}

/** The same families with these labels on every sample that does not carry them itself. */
export function addLabels(families: Family[], labels: Record<string, string>): Family[] {
  const mark = (line: string): string => {
    const sample = readSample(line)!;
    return `${sample.name}${formatLabels({ ...escapeAll(labels), ...readLabels(sample.labels) })} ${sample.value}`;
  };
  return families.map((family) => ({ ...family, samples: family.samples.map(mark) }));
}

/** Every family once. Where two processes differ in the type of a family, the first is believed, the other left out. */
export function mergeFamilies(groups: Family[][]): Family[] {
  const merged = new Map<string, Family>();
  for (const family of groups.flat()) {
    const known = merged.get(family.name);
    if (known === undefined) merged.set(family.name, { ...family, samples: [...family.samples] });
    else if (known.type === family.type) known.samples.push(...family.samples);
  }
  return [...merged.values()];
}

export function formatExposition(families: Family[]): string {
  const blocks = families.map(({ name, help, type, samples }) =>
    [...(help === null ? [] : [`# HELP ${name} ${help}`]), `# TYPE ${name} ${type}`, ...samples].join('\n'),
  );
  return `${blocks.join('\n')}\n`;
}

/** A gauge of our own; `help` holds no line end or backslash. */
export function gaugeFamily(
  name: string,
  help: string,
  samples: { labels?: Record<string, string>; value: number }[],
): Family {
  const lines = samples.map(({ labels = {}, value }) => `${name}${formatLabels(escapeAll(labels))} ${value}`);
  return { name, help, type: 'gauge', samples: lines };
}

/** Values as they stand in the text, escaped. */
function readLabels(labels: string): Record<string, string> {
  return Object.fromEntries(
    [...labels.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name!, value!]),
  );
}

function belongsTo(sampleName: string, family: Family): boolean {
  return sampleName === family.name || SUFFIXES.some((suffix) => sampleName === family.name + suffix);
}

const escapeAll = (labels: Record<string, string>) =>
  Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [name, value.replaceAll(/["\\]/g, '\\$&').replaceAll('\n', '\\n')]),
  );

/** Values must be escaped already. */
function formatLabels(labels: Record<string, string>): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}
