/** 8-bit RGB, interleaved, rows from the top without padding. */
export type Pixels = { data: Uint8Array; width: number; height: number };
