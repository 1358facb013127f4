import { curlLines } from './welcome.ts';

/** What a browser shows at the front's `/`: what this is, and where to go. */
export function frontPage(version: string, url: string): string {
  return `Heliograph ${version} dispatches work to AI agents.

  POST /dispatch             sends a task
  GET  /tasks                lists tasks; ?status= and ?agent= choose, ?limit= and ?cursor= page
  GET  /task/{id}            one task; ?waitSeconds=30 waits for its end
  GET  /task/{id}/events     its timeline, as server-sent events
  POST /task/{id}/cancel     stops it
  POST /task/{id}/redrive    gives one that is dead another life
  POST /submit-task          sends a structured task
  GET  /task-status/{id}     what became of it

  POST /orchestrate          runs any intent: a tool, a flow, a tool of an MCP server
  GET  /jobs/{job_id}        what became of it
  POST /api/v1/ssh/exec      runs a command on a host, or tells what would be run
  GET  /intents              what can be asked for; PUT /intents/{name} adds to it
  GET  /mcp                  the MCP servers; /mcp/{server}/tools lists what one can do

  POST /register-agent       an agent of your own
  GET  /agents               the agents; POST /agents/{name}/disable switches one off, /enable on
  GET  /budgets              what may be spent in a day; PUT /budgets/{scope} sets it
  GET  /costs                what was spent; ?groupBy=agent

  POST /submit-project       a folder that tasks may change, and its first backup
  GET  /projects             the projects; /projects/{id}/backups lists backups, /projects/{id}/diff compares them
  POST /rollback/{backup_id} puts a project back; so does /rollback/latest
  GET  /dependency-map       which module imports which; ?project_path=, ?format=svg draws it

  POST /pause                holds up an agent, a project or everything; /resume lets it go on
  POST /emergency-stop       stops what runs, too; DELETE lifts it
  GET  /approvals            what waits for somebody's approval; POST /approvals/{taskId} decides
  GET  /system-state         tasks, agents, backups and runs, and what is held up
  GET  /audit                what was decided, and by whom
  GET  /callbacks/key        the key that callbacks are signed with
  GET  /healthz              how each function is
  GET  /docs                 all of this, field by field
  GET  /openapi.json         the same for programs
  GET  /openapi.actions.json what ChatGPT Actions imports

${curlLines(url, undefined)[0]}

Where an API key is required, send it as X-API-Key. README.md tells the rest.
`;
}
