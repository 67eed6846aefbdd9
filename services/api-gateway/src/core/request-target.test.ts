import { expect, it } from '@jest/globals';
import { originFormOf } from './request-target.ts';

it.each([
  ['/api/v1/detections?limit=2', '/api/v1/detections?limit=2'],
  ['//[/x', '//[/x'],
  ['*', '*'],
  ['http://example.com/api/v1/detections?limit=2', '/api/v1/detections?limit=2'],
  ['HTTPS://example.com', '/'],
  ['http://[/api/v1/detections', null],
  ['http://a:99999/api/v1/detections', null],
  ['ftp://example.com/x', null],
  ['nonsense', null],
  ['', null],
])('the target %j asks for %j', (target, asked) => {
  expect(originFormOf(target)).toBe(asked);
});
