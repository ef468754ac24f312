import { defineConfig } from '@playwright/test';

/**
 * Runs against the server at `SPANDREL_URL` (a `spandrel demo`); or against the page as built from these sources in front
 * of the server at `SPANDREL_API`; or against the mock server when neither is set. The browser is the one at `CHROMIUM`;
 * none is downloaded.
 */
const server = process.env['SPANDREL_URL'];
const api = process.env['SPANDREL_API'];
const MOCK_PORT = 16_799;

export default defineConfig({
  testDir: 'tests/browser',
  // The mock knows services and traces; all else is tested on real data.
  ...(server === undefined && api === undefined && { testMatch: ['first-page.spec.ts', 'answers.spec.ts'] }),
  outputDir: 'test-results',
  snapshotPathTemplate: '{testDir}/looks/{arg}{ext}',
  // One browser at a time: the machine also runs the server.
  workers: 1,
  timeout: 60_000,
  // A machine that builds beside may be late once; what fails twice is wrong. One that needed it is reported as flaky.
  retries: 1,
  expect: { timeout: 20_000 },
  forbidOnly: Boolean(process.env['CI']),
  reporter: [['list']],
  use: {
    baseURL: server ?? `http://127.0.0.1:${MOCK_PORT}`,
    viewport: { width: 1280, height: 860 },
    screenshot: 'only-on-failure',
    trace: 'off',
    launchOptions: {
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-quic',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        // Letters come out alike, whatever the machine is set to.
        '--font-render-hinting=none',
        '--disable-lcd-text',
      ],
    },
  },
  ...(server === undefined && {
    webServer: {
      command: `npm run build && node tests/${api ? `front.mjs --api ${api}` : 'mock-server.mjs'} --port ${MOCK_PORT}`,
      url: `http://127.0.0.1:${MOCK_PORT}/`,
      timeout: 120_000,
    },
  }),
});
