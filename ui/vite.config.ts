import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

/** The server that answers `/api` for `npm run dev`: a running `spandrel demo`, or `npm run mock`. */
const server = process.env['SPANDREL_URL'] ?? 'http://127.0.0.1:16686';

export default defineConfig({
  plugins: [svelte()],
  build: {
    target: 'es2022',
    // The Content-Security-Policy allows no inline script, and the target has module preload.
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/api': server } },
  // No test is about time; on a busy machine the largest inputs take long.
  test: { include: ['src/**/*.test.ts'], testTimeout: 60_000 },
});
