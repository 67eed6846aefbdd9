import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import sharp from 'sharp';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { createProcessMetrics } from '@touchstone/shared/observe/process-metrics';
import type { ReadyMessage } from '@touchstone/shared/process/run-service';
import { openDetectionJobs } from '@touchstone/shared/queue/detection-jobs';
import { openJobWorker } from '@touchstone/shared/queue/job-worker';
import { createJudgeMetrics } from '../../services/llm-worker/src/adapters/judge-metrics.ts';
import { startSystem, type RunningSystem } from './support/running-system.ts';

const ROOT = join(import.meta.dirname, '../..');
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const STEP_LIMIT_MS = 30_000;
jest.setTimeout(2 * STEP_LIMIT_MS);
const MARKUP = '<b class="planted">x</b><img class="planted" src="x" onerror="planted=1">';
/** Bull Board asks for its fonts there; the policy of the page keeps it from being asked. */
const FONTS = 'https://fonts.googleapis.com/';

if (CHROMIUM === undefined) process.stderr.write('browser test of the operators’ page skipped: no Chromium\n');
const itInBrowser = CHROMIUM === undefined ? it.skip : it;

describe('the operators’ port of a running system', () => {
  let system: RunningSystem;
  let operators: ChildProcess;
  let redis: Redis;
  let url: string;

  beforeAll(async () => {
    system = await startSystem();
    const { redis_url: redisUrl } = await system.runFile();
    redis = new Redis(redisUrl, { maxRetriesPerRequest: null, replyMapping: 'legacy' });
    operators = spawn(process.execPath, ['--conditions=@touchstone/source', 'services/api-gateway/src/ops-main.ts'], {
      cwd: ROOT,
      // It stops when its channel closes: nothing outlives a test run that is killed.
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: {
        ...process.env,
        REDIS_URL: redisUrl,
        DATA_DIR: system.dataDir,
        OPS_PORT: '0',
        OPS_WRITABLE: '1',
        METRICS_PORT: '0',
      },
    });
    const [ready] = (await once(operators, 'message')) as [ReadyMessage];
    url = ready.addresses['ops']!;
  }, 120_000);
  afterAll(async () => {
    redis?.disconnect();
    if (operators?.exitCode === null) {
      operators.kill('SIGTERM');
      await once(operators, 'exit');
    }
    await system?.stop();
  }, 60_000);

  it('exposes every metric and every label that the dashboard and the alert rules ask for', async () => {
    const image = await sharp({ create: { width: 300, height: 200, channels: 3, background: '#468' } })
      .jpeg()
      .toBuffer();
    const form = new FormData();
    form.set('image', new Blob([new Uint8Array(image)]));
    expect((await fetch(`${system.url}/api/v1/detect`, { method: 'POST', body: form })).status).toBe(200);
    const answer = await fetch(`${url}/metrics`);
    expect(answer.status).toBe(200);
    // This system has no key for a language model, so no llm-worker either.
    const text = `${await answer.text()}\n${await metricsOfJudge()}`;
    const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
    expect(types.size).toBe([...text.matchAll(/^# TYPE /gm)].length);
    for (const service of ['api-gateway', 'gpu-worker', 'aggregator', 'operators']) {
      expect(text).toMatch(new RegExp(`^touchstone_process_up\\{role="${service}",instance="[^"]+"\\} 1$`, 'm'));
      expect(text).toMatch(new RegExp(`^process_cpu_seconds_total\\{service="${service}",instance="[^"]+"\\} `, 'm'));
    }

    const queries = [...(await queriesOfDashboard()), ...(await queriesOfRules())];
    expect(queries.length).toBeGreaterThan(40);
    const problems = queries.flatMap((query) => problemsOf(query, text, types));
    expect(problems).toEqual([]);
  });

  itInBrowser('shows live and failed jobs, keeps markup in them inert and lets an operator try again', async () => {
    const failedId = await plantFailedJob();
    const browser = await chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox', '--disable-gpu'] });
    try {
      await lookAround(browser, failedId);
    } finally {
      await browser.close();
    }
  });

  /** A detection whose `judge-image` job has failed for good, with markup wherever words of others could stand. */
  async function plantFailedJob(): Promise<string> {
    const jobs = openDetectionJobs(redis, 'touchstone', () => undefined);
    const id = newDetectionId(Date.now());
    const jobId = `${id}-r1-llm`;
    const key = `touchstone:judge-image:${jobId}`;
    await jobs.addFlow({ tenant: 'default', id, revision: 1, slots: ['llm'] }, 10);
    const planted = { tenant: MARKUP, id: MARKUP, revision: 1, slots: [MARKUP], [MARKUP]: MARKUP };
    await redis.hset(key, { data: JSON.stringify(planted), name: MARKUP, progress: JSON.stringify(MARKUP) });
    const failed = new Promise<void>((resolve, reject) => {
      const events = { onFailed: () => resolve(), onStalled: () => undefined, onError: reject };
      const worker = openJobWorker(
        'judge-image',
        { connection: redis, prefix: 'touchstone', concurrency: 1, events },
        () => Promise.reject(new Error('a payload with markup was taken for sound')),
      );
      closeWorker = () => worker.close();
      worker.start();
    });
    await failed;
    await closeWorker();
    await redis.hset(key, {
      failedReason: MARKUP,
      stacktrace: JSON.stringify([`Error: ${MARKUP}\n    at ${MARKUP} (/srv/secret-place/app/a.ts:1:1)`]),
      returnvalue: JSON.stringify(MARKUP),
    });
    await redis.rpush(`${key}:logs`, MARKUP);
    await jobs.close();
    return jobId;
  }
  let closeWorker: () => Promise<void>;

  async function lookAround(browser: Browser, failedId: string): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
    const page = await context.newPage();
    page.setDefaultTimeout(STEP_LIMIT_MS);
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes(FONTS)) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('response', (response) => {
      if (!response.url().startsWith(url) && !response.url().startsWith('data:')) complaints.push(response.url());
    });
    const password = (await readFile(join(system.dataDir, 'ops-password'), 'utf8')).trim();

    await page.goto(url);
    expect(new URL(page.url()).pathname).toBe('/login');
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('link', { name: 'merge-verdict' }).first().waitFor();
    expect(new URL(page.url()).pathname).toBe('/ops/queues');
    await keepScreenshot(page, 'overview');

    const board = `${url}/ops/queues/queue`;
    await page.goto(`${board}/detect-distildire?status=completed`);
    await page.getByText('jobData').first().waitFor();
    await keepScreenshot(page, 'completed');

    for (const place of ['judge-image?status=failed', 'judge-image', `judge-image/${failedId}`]) {
      await page.goto(`${board}/${place}`);
      await page.getByText('<b class="planted">x</b>').first().waitFor();
      for (const name of ['Error', 'Data', 'Progress', 'Options', 'Logs']) {
        const tab = page.getByRole('tab', { name }).first();
        await tab.click();
        await page.waitForFunction(`document.querySelector('[role=tab][aria-selected=true]') !== null`);
        if (name === 'Logs') await page.getByText('onerror="planted=1">').first().waitFor();
        await keepScreenshot(page, `${place.replace(/\W.*$/, '')}-${name}`);
      }
      expect(await page.locator('.planted').count()).toBe(0);
      expect(await page.evaluate('typeof planted')).toBe('undefined');
    }
    expect(await page.content()).not.toContain('secret-place');

    await page.goto(`${board}/judge-image?status=failed`);
    await page.getByRole('button', { name: 'Retry all' }).click();
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByText(failedId).first().waitFor({ state: 'detached' });
    expect(await redis.zscore('touchstone:judge-image:failed', failedId)).toBeNull();

    await page.goto(`${url}/logout`);
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Password').waitFor();
    expect((await page.goto(board))?.url()).toBe(`${url}/login`);
    expect(complaints).toEqual([]);
  }
});

/** To look at, where `SCREENSHOT_DIR` names a folder. */
async function keepScreenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['SCREENSHOT_DIR'];
  if (folder !== undefined) await page.screenshot({ path: join(folder, `ops-${name}.png`) });
}

async function queriesOfDashboard(): Promise<string[]> {
  const text = await readFile(join(ROOT, 'infra/observability/grafana-dashboard.json'), 'utf8');
  const { panels } = JSON.parse(text) as { panels: { targets?: { expr: string }[] }[] };
  return panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
}

async function queriesOfRules(): Promise<string[]> {
  const text = await readFile(join(ROOT, 'infra/observability/alert-rules.yml'), 'utf8');
  return [...text.matchAll(/^ +expr: (.+)$/gm)].map(([, query]) => query!);
}

async function metricsOfJudge(): Promise<string> {
  const { registry } = createProcessMetrics('llm-worker');
  createJudgeMetrics(registry, () => 'closed').countCall('judged', { in: 1, out: 1 }, 1);
  const names = registry.getMetricsAsArray().map(({ name }) => name);
  const texts = names.filter((name) => /_llm_/.test(name)).map((name) => registry.getSingleMetricAsString(name));
  return (await Promise.all(texts)).join('\n');
}

/** What a PromQL query asks for that these metrics do not have. Families without a sample yet have no labels to check. */
function problemsOf(query: string, text: string, types: ReadonlyMap<string, string>): string[] {
  const names = [...query.matchAll(/\b(?:touchstone|nodejs|process)_\w+/g)].map(([name]) => name);
  if (names.length === 0) return [`no metric in: ${query}`];
  const labelsOf = (name: string) =>
    new Set(
      [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} \\S+$`, 'gm'))].flatMap(([, labels]) => labelNames(labels!)),
    );
  const unknown = names.filter((name) => {
    const histogram = name.replace(/_(?:bucket|sum|count)$/, '');
    return !types.has(name) && types.get(histogram) !== 'histogram';
  });
  const missing = [...query.matchAll(/\b((?:touchstone|nodejs|process)_\w+)\{([^}]*)\}/g)].flatMap(
    ([, name, matchers]) => {
      const known = labelsOf(name!);
      return labelNames(matchers!).filter((label) => known.size > 0 && !known.has(label));
    },
  );
  const grouped = [...query.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list]) => list!.split(/, */));
  const all = new Set(names.flatMap((name) => [...labelsOf(name)]));
  const ungrouped = grouped.filter((label) => all.size > 0 && !all.has(label));
  return [...unknown, ...missing, ...ungrouped].map((what) => `${what} in: ${query}`);
}

const labelNames = (labels: string) => [...labels.matchAll(/(\w+)(?:=~|!=|!~|=)"/g)].map(([, name]) => name!);
