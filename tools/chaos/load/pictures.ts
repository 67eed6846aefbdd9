import sharp from 'sharp';

/** A picture of its own for every number: two detections must not share bytes. */
export async function makePicture(number: number): Promise<Uint8Array<ArrayBuffer>> {
  const image = sharp({
    create: {
      width: 96 + (number % 64),
      height: 96 + (Math.floor(number / 64) % 64),
      channels: 3,
      background: { r: (37 * number) % 256, g: (91 * number) % 256, b: Math.floor(number / 4_096) % 256 },
    },
  });
  return new Uint8Array(await image.jpeg().toBuffer());
}

/** Side that a decoder still may take on, halved: contract.md section 3. */
const SWELLING_SIDE_PX = 7_200;

/**
 * A progressive JPEG of 400 KB and four colours whose coefficients take 415 MB in the decoder, more than a preparer may
 * grow by (contract.md section 4). Written by hand: one scan of DC differences that are all zero, one bit each.
 */
export function makeSwellingPicture(): Uint8Array<ArrayBuffer> {
  const components = [1, 2, 3, 4];
  const word = (value: number) => [value >> 8, value & 255];
  const segment = (marker: number, body: number[]) => [0xff, marker, ...word(body.length + 2), ...body];
  const head = [
    0xff,
    0xd8,
    // Adobe, no colour transform: CMYK.
    ...segment(0xee, [...Buffer.from('Adobe'), 0, 100, 0, 0, 0, 0, 0]),
    ...segment(0xdb, [0, ...Array.from({ length: 64 }, () => 1)]),
    ...segment(0xc2, [
      8,
      ...word(SWELLING_SIDE_PX),
      ...word(SWELLING_SIDE_PX),
      components.length,
      ...components.flatMap((id) => [id, 0x11, 0]),
    ]),
    // One code of one bit, `0`, for a difference of no bits.
    ...segment(0xc4, [0x00, 1, ...Array.from({ length: 15 }, () => 0), 0]),
    ...segment(0xda, [components.length, ...components.flatMap((id) => [id, 0x00]), 0, 0, 0]),
  ];
  const blocks = (SWELLING_SIDE_PX / 8) ** 2 * components.length;
  return new Uint8Array(Buffer.concat([Buffer.from(head), Buffer.alloc(blocks / 8), Buffer.from([0xff, 0xd9])]));
}
