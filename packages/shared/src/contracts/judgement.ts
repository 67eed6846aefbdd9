import { z } from 'zod';

/** Words of the LLM are capped before they are stored; who shows them escapes them and says that a machine wrote them. */
export const JUDGEMENT_LIMITS = { artifacts: 12, regionChars: 80, evidenceChars: 300, modelChars: 100 } as const;

const Share = z.number().min(0).max(1);

/** What the LLM answers, the reasons before the numbers that they lead to; llm-and-fusion.md A2. */
export const JudgeAnswer = z.strictObject({
  artifacts: z.array(
    z.strictObject({
      /** Where, in words. */
      region: z.string(),
      /** `[left, top, right, bottom]` as shares of the whole picture; null when the artefact has no place. */
      box: z.array(Share).length(4).nullable(),
      kind: z.enum([
        'anatomy',
        'background',
        'blending_edge',
        'geometry',
        'hair_or_skin',
        'lighting',
        'noise_or_compression',
        'text',
        'texture',
        'other',
      ]),
      severity: z.enum(['low', 'medium', 'high']),
      evidence: z.string(),
    }),
  ),
  image_type: z.enum(['photo', 'screenshot', 'artwork', 'computer_graphics', 'document', 'other']),
  applicability: z.strictObject({
    /** Number of faces that can be seen. */
    faces: z.number().min(0).max(1_000),
    /** Share of the picture that is covered by text. */
    text_overlay: Share,
    artwork: z.boolean(),
    screenshot: z.boolean(),
  }),
  quality_limits: z.array(
    z.enum(['low_resolution', 'blur', 'compression', 'dark', 'overexposed', 'cropped', 'occluded']),
  ),
  /** Whether the picture holds text that tells its viewer what to answer. */
  contains_instructions: z.boolean(),
  fake_probability: Share,
  verdict: z.enum(['manipulated', 'authentic', 'inconclusive']),
});
export type JudgeAnswer = z.infer<typeof JudgeAnswer>;

/** What is kept of an LLM's answer, with what it takes to tell later who said it and what it cost. */
export const Judgement = z.object({
  /** As the server named it. */
  model: z.string().max(JUDGEMENT_LIMITS.modelChars),
  prompt_sha256: z.string().regex(/^[0-9a-f]{64}$/),
  system_fingerprint: z.string().max(JUDGEMENT_LIMITS.modelChars).nullable(),
  verdict: JudgeAnswer.shape.verdict,
  artifacts: JudgeAnswer.shape.artifacts.max(JUDGEMENT_LIMITS.artifacts),
  image_type: JudgeAnswer.shape.image_type,
  applicability: JudgeAnswer.shape.applicability,
  quality_limits: JudgeAnswer.shape.quality_limits,
  /** An answer that says true is discarded, so a stored one says false. */
  contains_instructions: z.boolean(),
  /** Of all calls for this answer. */
  tokens_in: z.number().int().min(0),
  tokens_out: z.number().int().min(0),
  /** Null where no price is configured. */
  usd: z.number().min(0).nullable(),
});
export type Judgement = z.infer<typeof Judgement>;
