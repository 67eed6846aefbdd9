import { expect, it } from '@jest/globals';
import { parsePrefer } from './parse-prefer.ts';

it.each([
  [undefined, null, false],
  ['', null, false],
  ['wait=20', 20, false],
  ['WAIT = 20', 20, false],
  ['wait="20"', 20, false],
  ['wait=20; foo="bar"', 20, false],
  ['respond-async', null, true],
  ['respond-async, wait=10', 10, true],
  ['return=minimal,Respond-Async', null, true],
  ['wait=5, wait=30', 5, false],
  ['wait=600', 55, false],
  ['wait=0', 0, false],
  ['wait', null, false],
  ['wait=-1', null, false],
  ['wait=soon, wait=7', 7, false],
])('%p asks to wait %p s, asynchronously: %p', (header, waitS, respondAsync) => {
  expect(parsePrefer(header)).toEqual({ waitS, respondAsync });
});
