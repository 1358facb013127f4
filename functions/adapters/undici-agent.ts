/**
 * What the egress needs of undici, from its own files: the whole brings another `fetch`, WebSocket, caches and mocks along, and
 * takes more than twice as long to load.
 */

import type { Agent } from 'undici';
import api from 'undici/lib/api/index.js';
import buildConnector from 'undici/lib/core/connect.js';
import DispatchingAgent from 'undici/lib/dispatcher/agent.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';

// As its index does: `request` and its like stand apart from what dispatches.
Object.assign(Dispatcher.prototype, api);

export const newAgent = (options: Agent.Options): Agent => new DispatchingAgent(options);

export { buildConnector };
