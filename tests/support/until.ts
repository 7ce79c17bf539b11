import { setTimeout as delay } from 'node:timers/promises';

/** Asks again and again, with a pause between, until the answer is there; fails, saying what it waited for, after `limitMs`. */
export const until = async <T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  limitMs = 90_000,
  pauseMs = 100,
): Promise<T> => {
  const limit = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (Date.now() > limit) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await delay(pauseMs);
  }
};
