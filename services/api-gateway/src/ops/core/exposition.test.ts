import { describe, expect, it } from '@jest/globals';
import { addLabels, formatExposition, gaugeFamily, mergeFamilies, parseExposition } from './exposition.ts';

const GATEWAY = [
  '# HELP up Whether it runs.',
  '# TYPE up gauge',
  'up{service="gateway"} 1',
  '',
  '# HELP took_seconds Time.',
  '# TYPE took_seconds histogram',
  'took_seconds_bucket{le="1",service="gateway"} 3',
  'took_seconds_bucket{le="+Inf",service="gateway"} 4',
  'took_seconds_sum{service="gateway"} 2.5',
  'took_seconds_count{service="gateway"} 4',
].join('\n');

describe('merged metrics', () => {
  it('name every family once and keep the processes apart by their labels', () => {
    const gateway = addLabels(parseExposition(GATEWAY), { service: 'api-gateway', instance: 'a-1' });
    const other = addLabels(parseExposition('# TYPE up gauge\nup 0\nlonely_total 7'), {
      service: 'b',
      instance: 'b-2',
    });
    expect(formatExposition(mergeFamilies([gateway, other]))).toBe(
      [
        '# HELP up Whether it runs.',
        '# TYPE up gauge',
        'up{service="gateway",instance="a-1"} 1',
        'up{service="b",instance="b-2"} 0',
        '# HELP took_seconds Time.',
        '# TYPE took_seconds histogram',
        'took_seconds_bucket{service="gateway",instance="a-1",le="1"} 3',
        'took_seconds_bucket{service="gateway",instance="a-1",le="+Inf"} 4',
        'took_seconds_sum{service="gateway",instance="a-1"} 2.5',
        'took_seconds_count{service="gateway",instance="a-1"} 4',
        '# TYPE lonely_total untyped',
        'lonely_total{service="b",instance="b-2"} 7',
        '',
      ].join('\n'),
    );
  });

  it('leave out a family whose type contradicts the first one', () => {
    const merged = mergeFamilies([parseExposition('# TYPE x gauge\nx 1'), parseExposition('# TYPE x counter\nx 2')]);
    expect(merged).toEqual([{ name: 'x', help: null, type: 'gauge', samples: ['x 1'] }]);
  });

  it('keep braces, commas, quotes and backslashes within a label', () => {
    const line = 'x{path="/a{b},c=\\"d\\"\\\\",n="1"} NaN';
    const [family] = addLabels(parseExposition(line), { instance: 'q"\\\n' });
    expect(family!.samples).toEqual(['x{instance="q\\"\\\\\\n",path="/a{b},c=\\"d\\"\\\\",n="1"} NaN']);
    expect(parseExposition(family!.samples[0]!)).toHaveLength(1);
  });

  it.each(['<html>', 'x{a=b} 1', 'x one', 'x{a="b"', '{a="b"} 1', 'x{a="b" c="d"} 1'])(
    'refuse what is no exposition: %s',
    (text) => {
      expect(() => parseExposition(`up 1\n${text}`)).toThrow('line 2 is no sample');
    },
  );

  it('take the values that prom-client writes', () => {
    expect(parseExposition(['a Nan', 'b +Inf', 'c -Inf', 'd 1e-9', 'e 0.5 1700000000000'].join('\n'))).toHaveLength(5);
  });

  it('hold gauges of our own with and without labels', () => {
    const family = gaugeFamily('depth', 'Jobs.', [{ value: 1 }, { labels: { queue: 'a' }, value: 2.5 }]);
    expect(family.samples).toEqual(['depth 1', 'depth{queue="a"} 2.5']);
  });
});
