import { expect, it } from '@jest/globals';
import { cursorOf, parseListQuery } from './list-query.ts';

const POSITION = '8204427210760-det_01a2107a6ff77b628b501a9b95357f76';
const parse = (query: string) => parseListQuery(new URLSearchParams(query));

it('starts at the newest with 50, and goes on where a cursor says', () => {
  expect(parse('')).toEqual({ limit: 50, position: null });
  expect(parse(`limit=100&cursor=${cursorOf(POSITION)}`)).toEqual({ limit: 100, position: POSITION });
});

it.each([
  ['limit=0', '/limit'],
  ['limit=101', '/limit'],
  ['limit=ten', '/limit'],
  ['limit=5&limit=6', '/limit'],
  [`cursor=${POSITION}`, '/cursor'],
  [`cursor=${cursorOf(`../../${POSITION}`)}`, '/cursor'],
  ['external_id=a', '/external_id'],
  ['sha256=a', '/sha256'],
])('refuses %s', (query, pointer) => {
  expect(() => parse(query)).toThrow(
    expect.objectContaining({ code: 'malformed_request', errors: [expect.objectContaining({ pointer })] }),
  );
});
