import { expect, it } from 'vitest';
import { curlLine } from './curl';

it('quotes for the shell', () => {
  expect(curlLine({ url: '/api/v1/graph?from=now-1h&to=now' }, 'http://host:1')).toBe(
    "curl -sS 'http://host:1/api/v1/graph?from=now-1h&to=now'",
  );
  expect(curlLine({ url: '/api/v1/sql', body: `{"sql":"SELECT 'a'"}` }, 'http://host:1')).toBe(
    `curl -sS 'http://host:1/api/v1/sql' -H 'content-type: application/json' -d '{"sql":"SELECT '\\''a'\\''"}'`,
  );
});
