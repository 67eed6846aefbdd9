/** Limits of the door: what a client may send. Source: contract.md section 3. */
export const MAX_IMAGE_BYTES = 26_214_400;
export const MAX_PIXELS = 26_214_400;
/** A JPEG up to this size is decoded at half scale. */
export const MAX_JPEG_PIXELS = 52_428_800;
/** Longest side, as in a JPEG: a PNG of 51 KB and 1 x 26,214,400 px kept a decoder busy for 20 s. */
export const MAX_SIDE_PX = 65_535;

/** Faces below this side are listed as `face_too_small` and not scored. Source: contract.md section 4. */
export const MIN_SCORED_FACE_PX = 64;
export const MAX_SCORED_FACES = 16;
