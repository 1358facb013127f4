import type { ServerResponse } from 'node:http';
import { request } from 'undici';

const LIMIT_MS = 2000;

/**
 * Gives the front's `/healthz`: `{status, version, functions: {<name>: <its own answer>}}`, 200 when every function answers 200,
 * else 503 with `status` `degraded`.
 */
export function frontHealth(urls: Readonly<Record<string, string>>, version: string): (response: ServerResponse) => void {
  return (response) => {
    Promise.all(Object.entries(urls).map(async ([name, url]) => [name, await probe(url)] as const)).then((answers) => {
      const healthy = answers.every(([, answer]) => answer.healthy);
      const functions = Object.fromEntries(answers.map(([name, answer]) => [name, answer.body]));
      response.writeHead(healthy ? 200 : 503, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ status: healthy ? 'ok' : 'degraded', version, functions }));
    });
  };
}

async function probe(url: string): Promise<{ healthy: boolean; body: unknown }> {
  try {
    const { statusCode, body } = await request(`${url}/healthz`, { signal: AbortSignal.timeout(LIMIT_MS) });
    const text = await body.text();
    return { healthy: statusCode === 200, body: parse(text) ?? { status: `HTTP ${statusCode}` } };
  } catch {
    return { healthy: false, body: { status: 'unreachable' } };
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
