/** What a room is given: the settings, the ports, and what is made from them once. */

import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  Clock,
  Documents,
  Egress,
  HostFiles,
  Identity,
  Ids,
  Log,
  McpServers,
  Messages,
  Objects,
  ProjectTrees,
  Secrets,
  Ssh,
  SubscriptionAdmin,
} from './ports.ts';
import type { TokenKeys } from './push.ts';
import type { AgentRegistry } from './registry/agents.ts';
import type { Settings } from './settings.ts';
import type { Signing } from './signing.ts';

export interface Runtime {
  /** The function's own name in the topology. */
  readonly name: string;
  readonly version: string;
  readonly settings: Settings;
  readonly documents: Documents;
  /** The second database: keys and policies. */
  readonly control: Documents;
  readonly messages: Messages;
  readonly subscriptions: SubscriptionAdmin;
  readonly objects: Objects;
  readonly secrets: Secrets;
  readonly trees: ProjectTrees;
  readonly files: HostFiles;
  readonly signing: Signing;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly egress: Egress;
  /** Agent-light's alone. */
  readonly mcp: McpServers;
  readonly ssh: Ssh;
  readonly identity: Identity;
  readonly tokenKeys: TokenKeys;
  readonly agents: AgentRegistry;
  readonly log: Log;
}

/** What every function answers with; the functions framework calls it. */
export type Room = (request: IncomingMessage, response: ServerResponse) => void;
