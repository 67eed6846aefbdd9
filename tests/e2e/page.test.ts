import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium, type Browser, type Locator, type Page } from 'playwright-core';
import sharp from 'sharp';
import { newDetectionId } from '@touchstone/shared/contracts/detection-id';
import { Detection } from '@touchstone/shared/contracts/detection';
import { startSystem, type RunningSystem } from './support/running-system.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const SHARED = process.env['TOUCHSTONE_SHARED'] ?? join(import.meta.dirname, '../../../shared');
const TURNED_PORTRAIT = join(SHARED, 'fixtures/photos/real-02-portrait-uniform-exif6.jpg');

const VERDICT = /^(Authentic|Manipulated|Inconclusive|Not applicable|Could not be evaluated)$/;
const STEP_LIMIT_MS = 45_000;
jest.setTimeout(2 * STEP_LIMIT_MS);
const MARKUP = '<b class="planted">x</b><img class="planted" src="x" onerror="planted=1">';

if (CHROMIUM === undefined) process.stderr.write('page tests skipped: no Chromium is installed\n');
const describeInBrowser = CHROMIUM === undefined ? describe.skip : describe;
if (!existsSync(TURNED_PORTRAIT)) process.stderr.write('page test with faces skipped: no shared fixtures\n');
const describeWithFaces = existsSync(TURNED_PORTRAIT) ? describe : describe.skip;

/** Noise of its own for every call: no two photos share bytes. */
const picture = () =>
  sharp({
    create: {
      width: 400,
      height: 300,
      channels: 3,
      background: '#468',
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  })
    .jpeg()
    .toBuffer();

/** Lets a file fall on the stone, as the browser would after a drag from the desktop. */
async function dropFile(page: Page, name: string, bytes: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle(`(() => {
    const bytes = Uint8Array.from(atob(${JSON.stringify(bytes.toString('base64'))}), (char) => char.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], ${JSON.stringify(name)}, { type: 'image/jpeg' }));
    return transfer;
  })()`);
  await page.dispatchEvent('label[for=photo]', 'drop', { dataTransfer: transfer });
}

const chooseFile = (page: Page, name: string, bytes: Buffer) =>
  page.setInputFiles('#photo', { name, mimeType: 'image/jpeg', buffer: bytes });

const cardOf = (page: Page) => page.getByRole('list', { name: 'Your photos' }).locator('> li').first();
const verdictOf = (card: Locator) => card.locator('.word');

/** Centre and size of `inner` in shares of `outer`. */
async function sharesOf(inner: Locator, outer: Locator): Promise<{ x: number; y: number; width: number }> {
  const [a, b] = [await inner.boundingBox(), await outer.boundingBox()];
  if (a === null || b === null) throw new Error('not on the page');
  return {
    x: (a.x + a.width / 2 - b.x) / b.width,
    y: (a.y + a.height / 2 - b.y) / b.height,
    width: a.width / b.width,
  };
}

/** A finished answer with markup in every field that is free text. */
function plantedAnswer(): Detection {
  return Detection.parse({
    id: newDetectionId(Date.now()),
    status: 'completed',
    done: true,
    revision: 1,
    external_id: MARKUP,
    created_at: new Date().toISOString(),
    completed_at: new Date().toISOString(),
    image: {
      sha256: MARKUP,
      media_type: 'image/jpeg',
      declared_media_type: MARKUP,
      bytes: 1000,
      width: 400,
      height: 300,
    },
    verdict: 'manipulated',
    probability: 0.9,
    calibrated: true,
    calibration: { id: MARKUP, sha256: MARKUP, domain: MARKUP },
    summary: MARKUP,
    reasons: ['single_detector'],
    operating_point: { id: MARKUP, lo: 0.1, hi: 0.8, measured_fpr: 0.01, n_real: 500 },
    degraded: [],
    detectors: [
      {
        slot: 'sbi',
        id: MARKUP,
        version: MARKUP,
        weights_sha256: null,
        status: 'completed',
        reason: null,
        detail: MARKUP,
        score: 0.9,
        probability: 0.9,
        contribution: 1,
        regions: [{ kind: 'face', box: [10, 10, 90, 90], face_score: 0.9, score: 0.9, reason: null }],
        caveats: [MARKUP],
        timings_ms: null,
      },
    ],
    cost: null,
  });
}

describeInBrowser('the page', () => {
  let system: RunningSystem;
  let browser: Browser;
  let page: Page;
  /** What the page complained about, and what it asked of other origins. */
  let complaints: string[];

  beforeAll(async () => {
    system = await startSystem();
    browser = await chromium.launch({
      executablePath: CHROMIUM!,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    await system?.stop();
  }, 60_000);
  afterEach(async () => {
    await page?.context().close();
  });

  /** Opens the page in a browser context of its own. */
  async function openPage(prepare: (page: Page) => Promise<void> = async () => {}): Promise<void> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, reducedMotion: 'reduce' });
    page = await context.newPage();
    page.setDefaultTimeout(STEP_LIMIT_MS);
    complaints = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol !== 'data:' && origin !== new URL(system.url).origin) complaints.push(request.url());
    });
    await prepare(page);
    await page.goto(system.url);
  }

  it('ends a dropped photo in a verdict, without a complaint and without a request to another origin', async () => {
    await openPage();
    await dropFile(page, 'noise.jpg', await picture());
    const card = cardOf(page);
    await card.getByRole('img', { name: 'Your photo: noise.jpg' }).waitFor();
    await card.locator('.sentence').waitFor();
    expect(await verdictOf(card).innerText()).toMatch(VERDICT);
    const id = await card.locator('.actions a').innerText();
    const answer = await fetch(`${system.url}/api/v1/detections/${id}`);
    const detection = Detection.parse(await answer.json());
    expect(await card.locator('.sentence').innerText()).toBe(detection.summary);
    expect(await card.locator('.detectors > li').count()).toBe(detection.detectors.length);
    await page.locator(`#recent time[datetime="${detection.created_at}"]`).waitFor();
    expect(complaints).toEqual([]);
  });

  describeWithFaces('with a face in the photo', () => {
    it('keeps the box on the face of a photo that is stored turned, at every width', async () => {
      await openPage();
      await dropFile(page, 'portrait.jpg', await readFile(TURNED_PORTRAIT));
      const card = cardOf(page);
      await card.locator('.sentence').waitFor();
      const [box, photo] = [card.locator('.box').first(), card.locator('.frame img')];
      for (const width of [1200, 360]) {
        await page.setViewportSize({ width, height: 900 });
        // The face lies at about (168, 139) to (364, 335) of 512 x 600 upright pixels.
        const shares = await sharesOf(box, photo);
        expect(Math.abs(shares.x - 266 / 512)).toBeLessThan(0.08);
        expect(Math.abs(shares.y - 237 / 600)).toBeLessThan(0.08);
        expect(shares.width).toBeGreaterThan(0.2);
        expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      }
      expect(await card.getByRole('button', { name: /^Face 1/ }).count()).toBe(1);
      expect(complaints).toEqual([]);
    });
  });

  it('shows markup in a file name and in an answer as text', async () => {
    const planted = plantedAnswer();
    await openPage(async (opened) => {
      await opened.route('**/api/v1/detections?limit=10', (route) =>
        route.fulfill({ json: { data: [planted], next_cursor: null } }),
      );
      await opened.route('**/api/v1/detections', (route) => route.fulfill({ status: 202, json: planted }));
      await opened.route(`**/api/v1/detections/${planted.id}`, (route) => route.fulfill({ json: planted }));
    });
    await chooseFile(page, `${MARKUP}.jpg`, await picture());
    const card = cardOf(page);
    await card.locator('.sentence').waitFor();
    expect(await card.locator('.sentence').innerText()).toBe(MARKUP);
    expect(await card.locator('bdi').innerText()).toBe(`${MARKUP}.jpg`);
    expect(await card.locator('.detectors').innerText()).toContain(MARKUP);
    await page.locator('#recent summary').first().click();
    await page.locator('#recent .sentence').waitFor();
    expect(await page.locator('.planted').count()).toBe(0);
    expect(await page.evaluate('typeof planted')).toBe('undefined');
    expect(complaints).toEqual([]);
  });

  it('says in words that a text file named .jpg is no photo', async () => {
    await openPage();
    await chooseFile(page, 'letter.jpg', Buffer.from('Dear reader, this is no photo.\n'));
    const card = cardOf(page);
    await card.getByText('unsupported_media_type').waitFor();
    expect(await verdictOf(card).innerText()).toBe('The media type is not supported');
    expect(await card.locator('.sentence').innerText()).toMatch(/JPEG.*PNG.*WebP/i);
    expect(await card.getByRole('button', { name: 'Try again' }).count()).toBe(0);
  });

  it('lets a person try again after the connection broke', async () => {
    await openPage();
    await page.route('**/api/v1/detections', (route) => route.abort('connectionrefused'));
    await chooseFile(page, 'again.jpg', await picture());
    const card = cardOf(page);
    const again = card.getByRole('button', { name: 'Try again' });
    await again.waitFor();
    expect(await verdictOf(card).innerText()).toBe('The service cannot be reached');
    await page.unroute('**/api/v1/detections');
    await again.click();
    await card.locator('.detectors').waitFor();
    await card.getByRole('button', { name: 'Copy curl' }).waitFor();
    expect(await verdictOf(card).innerText()).toMatch(VERDICT);
  });

  it('asks for an API key when there must be one, sends it and keeps it for the tab', async () => {
    const seen: (string | undefined)[] = [];
    await openPage(async (opened) => {
      await opened.route('**/api/v1/detections**', async (route) => {
        const authorization = route.request().headers()['authorization'];
        seen.push(authorization);
        if (authorization === 'Bearer dfk_live_right') return route.fulfill({ json: { data: [], next_cursor: null } });
        const title = 'A valid API key is required';
        return route.fulfill({
          status: 401,
          contentType: 'application/problem+json',
          json: { type: 'urn:x', title, status: 401, detail: title, code: 'unauthenticated', request_id: 'r' },
        });
      });
    });
    const field = page.getByLabel('API key', { exact: true });
    for (const key of ['dfk_live_wrong', 'dfk_live_right']) {
      await field.waitFor();
      await field.fill(key);
      await page.getByRole('button', { name: 'Use this key' }).click();
      if (key.endsWith('wrong')) await page.getByText('This key was not accepted.').first().waitFor();
    }
    await page.getByText('Nothing has been asked yet.').waitFor();
    await page.reload();
    await page.getByText('Nothing has been asked yet.').waitFor();
    expect(seen).toEqual([undefined, 'Bearer dfk_live_wrong', 'Bearer dfk_live_right', 'Bearer dfk_live_right']);
  });
});
