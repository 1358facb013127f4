/** The name of the handler that every function's bundle exports. */
export const ENTRY_POINT = 'handler';
