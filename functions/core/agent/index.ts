/** The agent kit, as users import it. */

export { RetryableError, TerminalError } from '../errors.ts';
export { ACCEPTED, type AgentDefinition, type Context, type DefinedAgent, defineAgent, type Handler } from './define-agent.ts';
export { type KitRuntime, kitRoom } from './kit-room.ts';
