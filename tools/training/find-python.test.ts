import { describe, expect, it } from '@jest/globals';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPython } from './find-python.ts';

/** A command that answers as a Python would whose probe prints `text`. */
async function withPython(text: string, check: (path: string) => void): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'find-python-'));
  const path = join(folder, 'python');
  await writeFile(path, `#!/bin/sh\nprintf '%s\\n' '${text}'\n`);
  await chmod(path, 0o755);
  try {
    check(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe('the Python of the training', () => {
  it('is the one that TRAINING_PYTHON names, when it lacks nothing', async () => {
    await withPython('', (python) => {
      expect(findPython({ TRAINING_PYTHON: python })).toEqual({ python, reason: null });
    });
  });

  it('is refused with what it lacks', async () => {
    await withPython('torch onnx', (python) => {
      const { reason } = findPython({ TRAINING_PYTHON: python });
      expect(reason).toBe(`${python} lacks what the training needs: torch onnx`);
    });
  });

  it('is refused when there is none', () => {
    expect(findPython({ TRAINING_PYTHON: '/no/such/python' }).reason).toBe('/no/such/python cannot be run');
  });
});
