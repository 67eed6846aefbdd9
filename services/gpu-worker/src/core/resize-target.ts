/** Planes R, G, B of float32 values from -1 to 1, rows from the top. */
export type Planes = { data: Float32Array; width: number; height: number };

/** The result of a resize, of which only the window is computed: offsets and sizes in pixels of the whole result. */
export type ResizeTarget = { width: number; height: number; window?: Window };
export type Window = { left: number; top: number; width: number; height: number };

export const windowOf = ({ width, height, window }: ResizeTarget): Window =>
  window ?? { left: 0, top: 0, width, height };
