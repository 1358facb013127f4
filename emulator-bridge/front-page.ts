import { curlLines } from './welcome.ts';

/** What a browser shows at the front's `/`: what this is, and where to go. */
export function frontPage(version: string, url: string): string {
  return `Heliograph ${version} dispatches work to AI agents.

  POST /dispatch           sends a task
  GET  /tasks              lists tasks; ?status= and ?agent= choose, ?limit= and ?cursor= page
  GET  /task/{id}          one task; ?waitSeconds=30 waits for its end
  GET  /task/{id}/events   its timeline, as server-sent events
  POST /task/{id}/cancel   stops it
  POST /task/{id}/redrive  gives one that is dead another life
  POST /register-agent     an agent of your own
  GET  /agents             the agents; POST /agents/{name}/disable switches one off, /enable on
  POST /pause              holds up an agent, a project or everything; /resume lets it go on
  POST /emergency-stop     stops what runs, too; DELETE lifts it
  GET  /approvals          what waits for somebody's approval; POST /approvals/{taskId} decides
  GET  /system-state       tasks, agents, backups and runs, and what is held up
  GET  /callbacks/key      the key that callbacks are signed with
  GET  /healthz            how each function is

${curlLines(url, undefined)[0]}

Where an API key is required, send it as X-API-Key. README.md tells the rest.
`;
}
