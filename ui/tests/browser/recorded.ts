/** Answers of a demo that were stored, so that a page looks the same at any time and on any machine. */
import type { Page, Route } from '@playwright/test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

interface Answer {
  /** Address and body. */
  asked: string;
  json: unknown;
}

interface Recording {
  /** The address of the page. */
  path: string;
  /** Its clock. */
  nowMs: number;
  answers: Answer[];
}

/** A statement may be written in another way and ask for the same; less alike than this, it asks for something else. */
const LEAST_ALIKE = 0.75;

function fileOf(name: string): string {
  return fileURLToPath(new URL(`recorded/${name}.json`, import.meta.url));
}

export function isRecorded(name: string): boolean {
  return existsSync(fileOf(name));
}

/** Opens the page with the answers that were stored for it. What it asks besides fails the test. */
export async function replay(page: Page, name: string): Promise<void> {
  const { path, nowMs, answers } = JSON.parse(readFileSync(fileOf(name), 'utf8')) as Recording;
  await page.clock.setFixedTime(nowMs);
  await page.route('**/api/**', (route) => {
    const answer = mostAlike(askedBy(route), answers);
    if (!answer) throw new Error(`no answer is stored for ${askedBy(route)}; see ui/README.md on recording`);
    return route.fulfill({ json: answer.json });
  });
  await page.goto(path);
}

/** Lets the server answer, and stores what it says. To call before the page is opened; what is returned after it has loaded. */
export async function record(page: Page, name: string, path: string): Promise<() => void> {
  const answers: Answer[] = [];
  const nowMs = Date.now();
  await page.clock.setFixedTime(nowMs);
  await page.route('**/api/**', async (route) => {
    const response = await route.fetch();
    answers.push({ asked: askedBy(route), json: await response.json() });
    await route.fulfill({ response });
  });
  await page.goto(path);
  return () => writeFileSync(fileOf(name), `${JSON.stringify({ path, nowMs, answers } satisfies Recording)}\n`);
}

function askedBy(route: Route): string {
  const request = route.request();
  const url = new URL(request.url());
  return `${request.method()} ${url.pathname}${url.search} ${request.postData() ?? ''}`.trim();
}

function mostAlike(asked: string, answers: readonly Answer[]): Answer | undefined {
  const exact = answers.find((answer) => answer.asked === asked);
  if (exact) return exact;
  const rated = answers.map((answer) => ({ answer, alike: likeness(asked, answer.asked) })).sort((one, other) => other.alike - one.alike);
  return rated[0] && rated[0].alike >= LEAST_ALIKE ? rated[0].answer : undefined;
}

/** The share of words that both have. */
function likeness(one: string, other: string): number {
  const [a, b] = [wordsOf(one), wordsOf(other)];
  const shared = [...a].filter((word) => b.has(word)).length;
  return shared / (a.size + b.size - shared);
}

function wordsOf(text: string): Set<string> {
  return new Set(text.match(/[\w/]+/g));
}
