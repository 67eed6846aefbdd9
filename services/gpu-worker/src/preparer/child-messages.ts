import type { MediaType } from '@touchstone/shared/contracts/request-record';
import type { InputPlan, PreparedImage } from '../core/prepared-image.ts';

/** What the pool asks of a child: one image at a time. */
export type PrepareRequest = { id: number; file: Uint8Array; mediaType: MediaType; plans: InputPlan[] };

/** What a child says. `ready` comes once, when everything that an image needs is warm. */
export type FromChild =
  | { kind: 'ready' }
  | { kind: 'prepared'; id: number; image: PreparedImage }
  | { kind: 'undecodable'; id: number; message: string }
  /** Our fault, or the manifest's: not the image's. */
  | { kind: 'internal'; id: number; message: string };
