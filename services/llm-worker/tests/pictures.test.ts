import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import type { PictureMaker } from '../src/picture/picture-pool.ts';
import { detectorPartial, openRunningJudge, openSharedPictures, type RunningJudge } from './support/running-judge.ts';

const RED = { r: 220, g: 20, b: 20 };

/** A wide grey photo with a red square of 200 px in it, and with everything a camera writes beside the pixels. */
async function cameraPhoto(): Promise<Buffer> {
  const square = await sharp({ create: { width: 200, height: 200, channels: 3, background: RED } })
    .png()
    .toBuffer();
  return sharp({ create: { width: 2_400, height: 1_600, channels: 3, background: '#808080' } })
    .composite([{ input: square, left: 1_900, top: 300 }])
    .jpeg({ quality: 95 })
    .withExif({ IFD0: { Copyright: 'somebody', Make: 'a camera' }, IFD3: { GPSLatitude: '48/1 12/1 30/1' } })
    .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/"/>')
    .withIccProfile('p3')
    .toBuffer();
}

describe('what is sent', () => {
  let pictures: PictureMaker;
  let judge: RunningJudge;
  beforeAll(async () => {
    pictures = await openSharedPictures();
  });
  afterAll(() => pictures.close());
  beforeEach(async () => {
    judge = await openRunningJudge(pictures);
    await judge.start();
  });
  afterEach(() => judge.close());

  const sentPictures = () =>
    judge.server.calls[0]!.body.messages[1].content.flatMap((part) => {
      if (part.type !== 'image_url') return [];
      expect(part.image_url.url).toMatch(/^data:image\/jpeg;base64,/);
      return [Buffer.from(part.image_url.url.split(',')[1]!, 'base64')];
    });

  it('is a JPEG of at most 1,024 px without metadata, and an enlarged cut of the face', async () => {
    const file = await cameraPhoto();
    expect((await sharp(file).metadata()).exif).toBeDefined();
    await judge.judge({
      file,
      slots: ['sbi', 'llm'],
      partials: (ref) => [
        detectorPartial(ref, 'sbi', 0.5, {
          faces: [{ box: [1_900, 300, 2_100, 500], face_score: 0.9, score: 0.5, reason: null }],
        }),
      ],
    });
    const [whole, face, ...more] = sentPictures();
    expect(more).toEqual([]);
    expect(await sharp(whole).metadata()).toMatchObject({ format: 'jpeg', width: 1_024, height: 683 });
    expect(await sharp(face).metadata()).toMatchObject({ format: 'jpeg', width: 768, height: 768 });
    for (const picture of [whole, face]) {
      const { exif, xmp, iptc, icc, orientation, comments } = await sharp(picture).metadata();
      expect({ exif, xmp, iptc, icc, orientation, comments }).toEqual({});
      expect(picture!.includes('camera')).toBe(false);
    }
    const [red = 0, green = 0, blue = 0] = await sharp(face)
      .extract({ left: 384, top: 384, width: 1, height: 1 })
      .raw()
      .toBuffer();
    expect(red - Math.max(green, blue)).toBeGreaterThan(100);
  });

  it('stands upright, and a small image is not enlarged', async () => {
    const lying = sharp({ create: { width: 300, height: 200, channels: 3, background: RED } });
    await judge.judge({ file: await lying.jpeg().withMetadata({ orientation: 6 }).toBuffer() });
    const [whole] = sentPictures();
    expect(await sharp(whole).metadata()).toMatchObject({ width: 200, height: 300 });
  });

  it('is the fixed prompt and the schema, and no word of the client', async () => {
    const partial = await judge.judge();
    const [call] = judge.server.calls;
    const prompt = await readFile(new URL('../prompts/judge-v1.md', import.meta.url));
    const [system, user] = call!.body.messages;
    expect(prompt.toString()).toContain(system.content);
    expect(user.content[0]).toEqual({ type: 'text', text: 'Examine this picture.' });
    expect(partial.judgement?.prompt_sha256).toBe(createHash('sha256').update(prompt).digest('hex'));
    expect(call).toMatchObject({
      path: '/v1/chat/completions',
      authorization: 'Bearer sk-test',
      body: { model: 'judge-test', response_format: { type: 'json_schema', json_schema: { strict: true } } },
    });
    expect(Object.keys(call!.body).toSorted()).toEqual([
      'max_completion_tokens',
      'messages',
      'model',
      'response_format',
    ]);
    expect(JSON.stringify(call!.body)).not.toMatch(/words of the client|det_|default/);
  });
});
