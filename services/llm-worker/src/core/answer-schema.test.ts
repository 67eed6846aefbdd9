import { expect, it } from '@jest/globals';
import { answerSchema } from './answer-schema.ts';

type Schema = {
  type?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean;
  items?: Schema;
  anyOf?: Schema[];
};

const walk = (schema: Schema): Schema[] => [
  schema,
  ...Object.values(schema.properties ?? {}).flatMap(walk),
  ...(schema.items === undefined ? [] : walk(schema.items)),
  ...(schema.anyOf ?? []).flatMap(walk),
];

it('lets the model write its reasons before its numbers', () => {
  expect(Object.keys((answerSchema() as Schema).properties ?? {})).toEqual([
    'artifacts',
    'image_type',
    'applicability',
    'quality_limits',
    'contains_instructions',
    'fake_probability',
    'verdict',
  ]);
});

it('is strict at every level: each key is required and no other is allowed', () => {
  const objects = walk(answerSchema() as Schema).filter(({ type }) => type === 'object');
  expect(objects).toHaveLength(3);
  for (const schema of objects) {
    expect(schema.additionalProperties).toBe(false);
    expect(schema.required).toEqual(Object.keys(schema.properties ?? {}));
  }
});

it('bounds numbers, and names no keyword that strict mode does not know', () => {
  const schema = answerSchema() as { properties: Record<string, unknown> };
  expect(schema.properties['fake_probability']).toEqual({ type: 'number', minimum: 0, maximum: 1 });
  expect(JSON.stringify(schema)).not.toMatch(/\$schema|maxLength|pattern|default/);
});
